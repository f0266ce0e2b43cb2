"""A service with projects: a proxy before the embedded server that shows to each key its own."""

import contextlib
import json
import re

from helpers.embedded_process import EmbeddedProcess
from helpers.handing_on import Call, HandingOn, Reply

KEY = "x-goog-api-key"


class KeyedProxy(HandingOn):
    """Hands requests on to `server`; batches and files are seen by the project that made them.

    `projects` maps keys to projects: two keys of one project see the same.
    """

    def __init__(self, server: EmbeddedProcess, projects: dict[str, str]) -> None:
        super().__init__(server.base_url)
        self.base_url = self.url
        self.owner: dict[str, str] = {}  # of batches and files
        self.maker: dict[str, str] = {}  # of batches by their display names
        self._projects, self._token = projects, server.token

    def answer(self, call: Call) -> Reply:
        """The server's reply, as far as it is of the key's own project."""
        headers = {name: value for name, value in call.headers.items() if name.lower() != KEY}
        key = next((v for name, v in call.headers.items() if name.lower() == KEY), None)
        project = self._projects.get(key or "", "")
        if key:
            headers[KEY] = self._token
        thing = re.search(r"(batches|files)/[a-z0-9-]+", call.path)
        if thing and self.owner.get(thing[0], project) != project:
            error = {"code": 404, "message": "Not found.", "status": "NOT_FOUND"}
            return Reply(404, {}, json.dumps({"error": error}).encode())
        creates = ":batchGenerateContent" in call.path
        if creates:  # made or not, whatever the answer says
            self.maker[json.loads(call.data)["batch"]["displayName"]] = project
        reply = self.hand_on(call._replace(headers=headers))
        if creates and reply.code == 200:
            with contextlib.suppress(ValueError, KeyError):  # a fault's garbage
                self.owner[json.loads(reply.body)["name"]] = project
        if call.method == "POST" and call.path.endswith("/files") and key:
            self.owner[json.loads(call.data)["file"]["name"]] = project
        if re.search(r"/batches(\?|$)", call.path) and reply.code == 200:
            return self._of_project(reply, project)
        return reply

    def _of_project(self, reply: Reply, project: str) -> Reply:
        """A list of batches without those of others."""
        content = json.loads(reply.body)
        operations = content.get("operations", ())
        for each in operations:
            self.owner[each["name"]] = self.maker.get(each["metadata"]["displayName"], "")
        content["operations"] = [each for each in operations if self.owner[each["name"]] == project]
        return reply._replace(body=json.dumps(content).encode())
