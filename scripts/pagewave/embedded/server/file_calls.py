"""The calls of the File service: resumable upload, get, list, delete, download."""

import io
import re

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pagewave.embedded.server import messages
from pagewave.embedded.server.calls import body_of
from pagewave.embedded.server.entities import File, new_id
from pagewave.embedded.server.input_file import LARGEST_FILE
from pagewave.embedded.server.jobs import Jobs
from pagewave.embedded.server.uploads import CHUNK_GRANULARITY, Session, Uploads
from pagewave.embedded.server.wire import ApiError, Json, pick

FILE_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")

STORAGE_FULL = (
    "You exceeded your current quota. Quota exceeded for metric: "
    "generativelanguage.googleapis.com/file_storage_bytes, limit: 21474836480."
)


class FileCalls:
    """Handlers of everything under `files`. Every check answers as Google does."""

    def __init__(self, jobs: Jobs) -> None:
        self.jobs = jobs
        self.store = jobs.store
        self.log = jobs.log
        self.pace = jobs.pace
        self.uploads = Uploads(jobs.store.folder / "uploads")

    async def upload(self, request: Request) -> Response:
        """Both steps of an upload come to one address; the session's id tells them apart."""
        if "upload_id" in request.query_params:
            return await self.upload_chunk(request)
        return await self.start_upload(request)

    async def start_upload(self, request: Request) -> Response:
        """Step A of an upload: a session, whose address goes back in a header."""
        command = request.headers.get("x-goog-upload-command", "")
        if command != "start":
            raise ApiError(
                400, "Only resumable uploads are supported: X-Goog-Upload-Command: start"
            )
        full = request.state.faults.get("storage-full")
        if full and self.store.count_uploads() >= full.files:
            raise ApiError(429, STORAGE_FULL)
        file = pick(await body_of(request), "file", {})
        name = str(pick(file, "name") or "").removeprefix("files/")
        if name and not FILE_ID.fullmatch(name):
            raise ApiError(400, f"Invalid file name {name!r}: use up to 40 of a-z, 0-9 and dashes.")
        if name and self.store.file(name):
            raise ApiError(409, f"File files/{name} already exists.")
        size = request.headers.get("x-goog-upload-header-content-length")
        if size and int(size) > LARGEST_FILE:
            raise ApiError(400, f"File size {size} exceeds the maximum of {LARGEST_FILE} bytes.")
        mime_type = request.headers.get("x-goog-upload-header-content-type")
        upload_id = self.uploads.open(
            name or new_id(12),
            pick(file, "displayName"),
            pick(file, "mimeType") or mime_type or "application/octet-stream",
            int(size) if size else None,
        )
        # Absolute, for the client uses it as it is; the id is the permission to upload.
        url = f"{messages.base_of(request)}{request.url.path}?upload_id={upload_id}"
        headers = {"X-Goog-Upload-URL": url, "X-Goog-Upload-Control-URL": url}
        headers["X-Goog-Upload-Chunk-Granularity"] = str(CHUNK_GRANULARITY)
        return Response(status_code=200, headers=headers | {"X-Goog-Upload-Status": "active"})

    async def upload_chunk(self, request: Request) -> Response:
        """Step B of an upload: a chunk, or a question how far we are."""
        session = self.uploads.get(request.query_params["upload_id"])
        commands = request.headers.get("x-goog-upload-command", "").replace(" ", "").split(",")
        if "upload" in commands:
            offset = int(request.headers.get("x-goog-upload-offset", "0"))
            self.uploads.add(session, offset, await request.body())
        if "finalize" in commands and session.file is None:
            self.uploads.check_complete(session)
            session.file = self._take_in(session)
        if session.file is None:
            received = str(session.received)
            headers = {"X-Goog-Upload-Status": "active", "X-Goog-Upload-Size-Received": received}
            return Response(status_code=200, headers=headers)
        file = messages.file(session.file, request)
        return JSONResponse({"file": file}, headers={"X-Goog-Upload-Status": "final"})

    def _take_in(self, session: Session) -> File:
        if self.store.file(session.file_id):
            raise ApiError(409, f"File files/{session.file_id} already exists.")
        self.store.delete_file(session.file_id)  # a name is free again once its file has expired
        subject = f"{session.display_name or ''} files/{session.file_id}"
        faults = {fault.name for fault in self.jobs.draw("file", subject)}
        if faults & {"file-damaged", "file-short"}:
            with session.part.open("rb+") as part:
                part.truncate(session.received - 1)
                if "file-damaged" in faults:
                    part.seek(0, io.SEEK_END)
                    part.write(b"\0")
        fate = "FAILED" if "file-failed" in faults else "ACTIVE"
        file = self.store.add_file(
            session.file_id,
            session.part,
            display_name=session.display_name,
            mime_type=session.mime_type,
            source="UPLOADED",
            # Images are ACTIVE at once, everything else is PROCESSING first.
            wait=0.0 if session.mime_type.startswith("image/") else self.pace.file_seconds,
            lifetime=self.pace.file_lifetime,
            fate="PROCESSING" if "file-stuck" in faults else fate,
            undeletable="undeletable" in faults,
        )
        name = f"files/{file.id}"
        self.log.write("upload", file=name, display_name=file.display_name, size=file.size)
        return file

    async def get_file(self, request: Request) -> Response:
        """files.get"""
        file = self._file(request)
        self.log.write("get", file=f"files/{file.id}", state=file.state)
        return JSONResponse(messages.file(file, request))

    async def list_files(self, request: Request) -> Response:
        """files.list, 10 a page unless told, 100 at most"""
        self.store.drop_expired()

        def fetch(behind: int, limit: int, oldest_first: bool) -> list[tuple[int, Json | None]]:
            files = self.store.files(behind, limit, oldest_first)
            return [(file.number, messages.file(file, request)) for file in files]

        body = messages.page(request, "files", fetch)
        self.log.write("list", what="files", count=len(body.get("files", ())))
        return JSONResponse(body)

    async def delete_file(self, request: Request) -> Response:
        """files.delete; refuses the files of results, as Google does (python-genai#1759)"""
        file = self._file(request)
        if file.undeletable:
            raise ApiError(400, f"Invalid file name files/{file.id}: at most 40 characters.")
        self.store.delete_file(file.id)
        self.log.write("delete", file=f"files/{file.id}")
        return JSONResponse({})

    async def download_file(self, request: Request) -> Response:
        """files.download: the bytes of a file the service made itself"""
        file = self._file(request)
        if file.source != "GENERATED":
            message = f"File files/{file.id} was uploaded; only generated files can be downloaded."
            raise ApiError(400, message, "FAILED_PRECONDITION")
        self.log.write("download", file=f"files/{file.id}", size=file.size)
        data = self.store.path(file.id).read_bytes()
        if "short-download" in request.state.faults:
            lines = data.splitlines(keepends=True)
            data = b"".join(lines[: len(lines) // 2])
        return Response(data, media_type="application/octet-stream")

    def _file(self, request: Request) -> File:
        file_id = request.path_params["file"]
        file = self.store.file(file_id)
        if file is None:
            message = (
                f"You do not have permission to access the File {file_id} or it may not exist."
            )
            raise ApiError(403, message)
        return file
