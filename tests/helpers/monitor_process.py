"""scripts/monitor.py, review.py or audit.py as a process of its own, and a plain client to it."""

import json
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from helpers.embedded_process import NEVER_SECONDS, SCRIPTS
from helpers.forked_heads import python
from helpers.lasting import Lasting


class MonitorProcess(Lasting):
    """The monitor over the configuration in `root`, from `with` to its end, with these options.

    `program` is what Python runs: it names commands as that was called.
    """

    what = "monitor"

    def __init__(self, root: Path, *options: str, program: Sequence[str] = ()) -> None:
        self._root = root
        self._options = options
        self._program = program or (str(SCRIPTS / f"{self.what}.py"),)

    def open(self) -> None:
        """Starts it, and waits until it says where it is."""
        command = [*python(), *self._program, "--configfile", "config.yaml"]
        self.process = subprocess.Popen(
            [*command, "--port", "0", "--json", *self._options],
            cwd=self._root,
            stdout=subprocess.PIPE,
            stderr=(self._root / "monitor.txt").open("w"),
            text=True,
            env={"PYTHONPATH": str(SCRIPTS)},
        )
        assert self.process.stdout is not None
        said = ""
        while line := self.process.stdout.readline():
            said += line
            if line == "}\n":
                break
        else:
            raise AssertionError(self.errors)
        self.url = str(json.loads(said)["url"])
        self.base, _, self.token = self.url.partition("/?token=")

    @property
    def errors(self) -> str:
        """What it printed as errors."""
        return (self._root / "monitor.txt").read_text()

    def close(self) -> None:
        """Kills it, unless it has ended."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def interrupt(self) -> tuple[int, str]:
        """Ctrl-C; the exit code, and what it printed as errors."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(), self.errors

    def request(self, path: str, method: str = "GET", **headers: str) -> httpx2.Response:
        """A raw call, without the token."""
        with httpx2.Client(
            base_url=self.base, verify=False, trust_env=False, timeout=NEVER_SECONDS
        ) as client:
            return client.request(method, path, headers=headers)

    def ask(self, path: str, code: int = 200, **query: str) -> Any:
        """What a call answers, as JSON where it is that, with the token in a cookie."""
        with self._client() as client:
            reply = client.get(path, params=query)
        assert reply.status_code == code, reply.text
        return reply.json() if "json" in reply.headers["content-type"] else reply.content

    @contextmanager
    def events(self) -> Iterator[Iterator[dict[str, Any]]]:
        """The messages of the stream, as they come."""
        with self._client() as client, client.stream("GET", "/events") as reply:
            lines = reply.iter_lines()
            yield (json.loads(line[6:]) for line in lines if line.startswith("data: "))

    def _client(self) -> httpx2.Client:
        cookie = {f"pagewave-{self.what}-{self.base.rpartition(':')[2]}": self.token}
        return httpx2.Client(
            base_url=self.base, cookies=cookie, trust_env=False, timeout=NEVER_SECONDS
        )


class ReviewProcess(MonitorProcess):
    """Review, in the same way."""

    what = "review"

    def save(self, ask: Mapping[str, Any], code: int = 200, **headers: str) -> dict[str, Any]:
        """What it answers to a browser's wish, sent from its own page."""
        own = {"origin": self.base, "content-type": "application/json"}
        with self._client() as client:
            reply = client.post("/save", content=json.dumps(ask), headers=own | headers)
        assert reply.status_code == code, (reply.status_code, reply.text)
        return dict(reply.json()) if "json" in reply.headers["content-type"] else {}


class AuditProcess(ReviewProcess):
    """`audit --review`, in the same way."""

    what = "audit"

    def __init__(self, root: Path, *options: str) -> None:
        super().__init__(root, "--review", *options)
