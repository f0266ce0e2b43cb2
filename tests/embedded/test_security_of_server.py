"""The embedded server serves its one client, on this machine, out of its own folder."""

import http.client
import json
import re
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from helpers.embedded_process import NEVER_SECONDS, EmbeddedProcess, client_of, run_batch

SOCKET = re.compile(r"socket:\[(\d+)\]")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedProcess]:
    """A server that all tests of this file may use, with a finished batch."""
    with EmbeddedProcess(tmp_path_factory.mktemp("server") / "state") as server:
        records = [{"key": "k", "request": {"contents": [{"parts": [{"text": "Read."}]}]}}]
        run_batch(client_of(server), records, "security")
        yield server


def test_every_address_wants_the_token(server: EmbeddedProcess) -> None:
    (batch,) = server.request("GET", "/v1beta/batches").json()["operations"]
    files = server.request("GET", "/v1beta/files").json()["files"]
    result = next(file["name"] for file in files if "downloadUri" in file)
    given = next(file["name"] for file in files if "downloadUri" not in file)
    model = "/v1beta/models/gemini-2.5-flash"
    addresses = [
        ("GET", f"/v1beta/{batch['name']}"),
        ("GET", "/v1beta/batches"),
        ("POST", f"/v1beta/{batch['name']}:cancel"),
        ("DELETE", f"/v1beta/{batch['name']}"),
        ("GET", f"/v1beta/{given}"),
        ("GET", "/v1beta/files"),
        ("DELETE", f"/v1beta/{given}"),
        ("GET", f"/v1beta/{result}:download?alt=media"),
        ("GET", f"/download/v1beta/{result}:download?alt=media"),
        ("POST", "/upload/v1beta/files"),
        ("POST", f"{model}:batchGenerateContent"),
        ("POST", f"{model}:generateContent"),
        ("POST", "/control/faults"),
        ("GET", "/control/faults"),
        ("GET", "/control/stats"),
    ]
    before = server.stats()
    wrong = [server.token[:-1].encode(), server.token.encode() + b"x", b"", b"\xe9"]
    headers = [{"x-goog-api-key": token} for token in wrong]
    headers += [{}, {"authorization": b"Bearer " + server.token.encode()}]
    for method, address in addresses:
        for header in headers:
            reply = server.request(method, address, headers=header, content=b"{}")
            assert reply.status_code == 401, (method, address, header)
            assert server.token not in reply.text
    for address in (f"/v1beta/{batch['name']}?key={server.token}", "/control/stats?key=x"):
        assert server.request("GET", address, headers={}).status_code == 401
    assert server.stats() == before
    # With the token, the same addresses are served.
    assert server.request("GET", f"/v1beta/{result}:download?alt=media").status_code == 200


def test_an_upload_wants_the_id_that_was_given_for_it(server: EmbeddedProcess) -> None:
    start = {
        "x-goog-api-key": server.token,
        "x-goog-upload-protocol": "resumable",
        "x-goog-upload-command": "start",
    }
    reply = server.request("POST", "/upload/v1beta/files", headers=start, json={"file": {}})
    address = reply.headers["x-goog-upload-url"].removeprefix(server.base_url)
    # Google's client sends the bytes without its key: the address holds a secret of its own.
    assert len(address.partition("upload_id=")[2]) == 40
    finish = {"x-goog-upload-command": "upload, finalize", "x-goog-upload-offset": "0"}
    for guess in (address[:-1], address + "x", address.partition("=")[0] + "="):
        reply = server.request("POST", guess, headers=finish, content=b"evil")
        assert reply.status_code in (401, 404), guess
    assert server.request("POST", address, headers=finish, content=b"good").status_code == 200
    assert b"evil" not in b"".join(f.read_bytes() for f in (server.state_dir / "files").iterdir())


def test_it_listens_on_loopback_alone(server: EmbeddedProcess) -> None:
    if not Path("/proc/net/tcp").exists():
        pytest.skip("only Linux lists sockets there")
    folder = Path(f"/proc/{server.pid}/fd")
    inodes = {
        match[1] for link in folder.iterdir() if (match := SOCKET.match(str(link.readlink())))
    }
    listening = []
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            _, local, _, state, *rest = line.split()
            if rest[5] in inodes and (table.startswith("udp") or state == "0A"):  # 0A: listening
                listening.append((table, local))
    port = urlsplit(server.base_url).port
    loopback = socket.inet_aton("127.0.0.1")[::-1].hex().upper()
    assert listening == [("tcp", f"{loopback}:{port:04X}")]


def raw(server: EmbeddedProcess, method: str, path: str, headers: dict[str, str]) -> int:
    """The status of a reply to exactly this path and these headers."""
    connection = http.client.HTTPConnection(urlsplit(server.base_url).netloc, timeout=NEVER_SECONDS)
    with closing(connection):
        connection.putrequest(method, path, skip_host="host" in headers)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        return connection.getresponse().status


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "evil.example:80"},
        {"host": "127.0.0.1.evil.example"},
        {"host": "127.0.0.1:evil.example"},
        {"host": "localhost:80@evil.example"},
        {"host": "localhost:"},
        {"host": "localhost.evil.example"},
        {"host": ""},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "none", "sec-fetch-mode": "navigate"},
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_web_pages_cannot_call_it(
    server: EmbeddedProcess, method: str, headers: dict[str, str]
) -> None:
    token = {"x-goog-api-key": server.token}
    before = server.request("GET", "/control/faults").json()
    for path in ("/control/faults", "/upload/v1beta/files?upload_id=x", "/nowhere"):
        assert raw(server, method, path, token | headers) in (400, 403)
    assert server.request("GET", "/control/faults").json() == before
    assert raw(server, "GET", "/control/stats", token) == 200
    port = urlsplit(server.base_url).port
    assert raw(server, "GET", "/control/stats", token | {"host": f"localhost:{port}"}) == 200


UPWARDS = [
    "../server.sqlite",
    "..%2Fserver.sqlite",
    "%2e%2e/server.sqlite",
    "..%5cserver.sqlite",
    "/etc/passwd",
    "%2Fetc%2Fpasswd",
    "..",
    ".",
    "a%00b",
]


@pytest.mark.parametrize("name", UPWARDS)
def test_no_name_leads_out_of_the_state_folder(server: EmbeddedProcess, name: str) -> None:
    token = {"x-goog-api-key": server.token}
    for prefix in ("/v1beta/files/", "/download/v1beta/files/"):
        assert raw(server, "GET", f"{prefix}{name}:download?alt=media", token) in (403, 404)
    for method in ("GET", "DELETE"):
        for kind in ("files", "batches"):
            assert raw(server, method, f"/v1beta/{kind}/{name}", token) in (403, 404)
    plain = name.replace("%2F", "/").replace("%2e", ".").replace("%5c", "\\").replace("%00", "\0")
    start = token | {"x-goog-upload-command": "start"}
    file = {"file": {"name": f"files/{plain}"}}
    reply = server.request("POST", "/upload/v1beta/files", headers=start, json=file)
    assert reply.status_code == 400


def test_no_content_reads_or_writes_elsewhere(server: EmbeddedProcess) -> None:
    root = server.state_dir.parent
    before = {file for file in root.rglob("*") if file.parent.name != "files"}
    uris = ["file:///etc/passwd", "/etc/passwd", "http://x/files/../../server.sqlite", "files/../x"]
    records = [
        {
            "key": f"../../{number}",
            "request": {"contents": [{"parts": [{"fileData": {"fileUri": uri}}]}]},
        }
        for number, uri in enumerate(uris)
    ]
    client = client_of(server)
    job = run_batch(client, records, "../../../evil")
    assert job.dest and job.dest.file_name
    lines = client.files.download(file=job.dest.file_name).splitlines()
    codes = [json.loads(line)["error"]["code"] for line in lines]
    assert len(codes) == len(uris)
    assert set(codes) <= {3, 7}  # INVALID_ARGUMENT, PERMISSION_DENIED
    new = {file for file in root.rglob("*") if file.parent.name != "files"} - before
    assert {file.name for file in new} <= {"server.sqlite-wal", "server.sqlite-shm"}
