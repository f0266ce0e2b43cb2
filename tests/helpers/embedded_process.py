"""The embedded server as a process of its own, for every test that needs one."""

import io
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any, Self

import httpx2
from google import genai
from google.genai import types

from helpers.forked_heads import python
from helpers.lasting import Lasting

SCRIPTS = Path(__file__).parents[2] / "scripts"
PROGRAM = ("-m", "pagewave.embedded")


class EmbeddedProcess(Lasting):
    """`python -m pagewave.embedded` over `state_dir`, from `with` to its end.

    `args` go on the command line; `program` is another one that takes the same; `environment` is
    laid over this process's. `forks`: from where all is imported; `process` then passes signals on
    to it, whose own number is `pid`. `kill()` and `restart()` are for tests of what survives; a
    server is always stopped at the end, and would end by itself with the test (its standard input
    closes).
    """

    def __init__(
        self,
        state_dir: Path,
        *args: str,
        reader: str = "echo",
        program: Sequence[str] = PROGRAM,
        forks: bool = True,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.state_dir = state_dir
        self.program = program
        self.forks = forks
        self.environment = environment or {}
        self.args = ("--reader", reader, *args)
        self.token = secrets.token_hex(16)
        self.base_url, self.pid = "", 0
        self._process: subprocess.Popen[str] | None = None
        self._logged: list[dict[str, Any]] = []
        self._logged_bytes = 0

    def open(self) -> None:
        """Starts it, and waits until it listens."""
        self.state_dir.mkdir(parents=True, exist_ok=True)
        # A moved clock comes with an environment, and is set up when Python starts.
        forked = self.forks and self.program == PROGRAM and not self.environment
        command = [*(python() if forked else [sys.executable]), *self.program]
        command += ["--state", str(self.state_dir)]
        with (self.state_dir / "stderr.txt").open("a") as stderr:
            self._process = subprocess.Popen(
                [*command, *self.args],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                env=os.environ
                | {"PYTHONPATH": str(SCRIPTS), "PAGEWAVE_EMBEDDED_TOKEN": self.token}
                | self.environment,
            )
        assert self._process.stdout is not None
        ready = self._process.stdout.readline()
        if not ready:
            self.stop()
            raise AssertionError(f"no server: {(self.state_dir / 'stderr.txt').read_text()}")
        said = json.loads(ready)
        self.base_url, self.pid = f"http://127.0.0.1:{said['port']}", int(said["pid"])

    def close(self) -> None:
        """Stops it."""
        self.stop()

    @property
    def process(self) -> "subprocess.Popen[str]":
        """The running process."""
        assert self._process is not None, "the server does not run"
        return self._process

    def stop(self) -> int:
        """Closes the server's standard input, which ends it; returns its exit code."""
        if self._process is None:
            return 0
        process, self._process = self._process, None
        assert process.stdin is not None and process.stdout is not None
        process.stdin.close()
        try:
            return process.wait(NEVER_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()
        finally:
            process.stdout.close()

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        self.process.kill()
        assert self.process.stdout is not None
        self.process.stdout.read()  # until it has really ended
        self.stop()

    def restart(self, *args: str) -> Self:
        """A new server (on another port) over the same state; `args` replace those given first."""
        self.stop()
        if args:
            self.args = (*self.args[:2], *args)
        self.open()
        return self

    def request(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """A raw call, with the token unless `headers` are given."""
        options.setdefault("headers", {"x-goog-api-key": self.token})
        # Without TLS, as setting that up takes more than the call.
        with httpx2.Client(
            base_url=self.base_url, verify=False, trust_env=False, timeout=NEVER_SECONDS
        ) as client:
            return client.request(method, path, **options)

    def stats(self) -> dict[str, Any]:
        """GET /control/stats: inferences, by_key, active_batches, batches, files."""
        reply = self.request("GET", "/control/stats").raise_for_status()
        return dict(reply.json())

    def set_faults(self, faults: list[str]) -> None:
        """Replaces the faults of the running server; [] clears them."""
        reply = self.request("POST", "/control/faults", json=faults)
        assert reply.status_code == 200, reply.text

    def end_delays(self) -> None:
        """What is held, pending or late by a number of seconds is so no more."""
        self.request("DELETE", "/control/delays").raise_for_status()

    def wait_until_idle(self) -> None:
        """Until all batches have ended."""
        wait_for(lambda: self.stats()["active_batches"] == 0)

    def finish_all(self) -> None:
        """Goes on with the batches that it holds, to their ends."""
        self.end_delays()
        self.wait_until_idle()

    @contextmanager
    def goes_on_when(self, condition: Callable[[], object]) -> Iterator[None]:
        """Within, the server holds nothing whenever `condition` holds, which it must once.

        However slow the machine is: nothing that is held ends before that.
        """
        over = Event()

        def go_on() -> bool:
            went_on = False
            while not over.wait(0.01):
                if condition():
                    went_on = True
                    self.end_delays()
            return went_on

        with ThreadPoolExecutor(1) as aside:
            went_on = aside.submit(go_on)
            try:
                yield
            finally:
                over.set()
            assert went_on.result(), "the server was not to go on until the end"

    def cancel_all(self) -> None:
        """Ends what still goes on: a test that failed must not make the next one fail."""
        if not self.stats()["active_batches"]:
            return
        ended = {event["batch"] for event in self.log("finish")}
        for event in self.log("create"):
            if event["batch"] not in ended:
                self.request("POST", f"/v1beta/{event['batch']}:cancel")
        self.wait_until_idle()

    def show_images(self, folder: Path) -> None:
        """Tells the server which folder's images single calls may bring."""
        reply = self.request("POST", "/control/pages", json=[str(folder)])
        assert reply.status_code == 200, reply.text

    def log(self, event: str | None = None) -> list[dict[str, Any]]:
        """The events of log.jsonl, in order; of one kind when `event` is given."""
        # Only what is new is read: one server may serve a thousand tests.
        with (self.state_dir / "log.jsonl").open("rb") as file:
            file.seek(self._logged_bytes)
            whole, _, _ = file.read().rpartition(b"\n")
        if whole:
            self._logged_bytes += len(whole) + 1
            self._logged += [json.loads(line) for line in whole.split(b"\n")]
        return [entry for entry in self._logged if event in (None, entry["event"])]


def client_of(server: EmbeddedProcess, api_version: str = "v1beta") -> genai.Client:
    """The unmodified client, pointed at the server."""
    options = types.HttpOptions(
        base_url=server.base_url,
        api_version=api_version,
        timeout=int(1000 * NEVER_SECONDS),
        client_args={"trust_env": False},
    )
    return genai.Client(api_key=server.token, vertexai=False, http_options=options)


NEVER_SECONDS = 600.0
"""Whoever waits so long waits in vain, however busy the machine; no test is about such limits."""


def wait_for(condition: Callable[[], object], seconds: float = NEVER_SECONDS) -> None:
    """Returns as soon as `condition` is true; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.01)


def run_batch(
    client: genai.Client,
    records: list[dict[str, Any]] | bytes,
    display_name: str,
    *,
    wait: bool = True,
) -> types.BatchJob:
    """Uploads an input file and creates its batch; the finished job, unless `wait` is off."""
    data = records
    if not isinstance(data, bytes):
        data = b"".join(json.dumps(record).encode() + b"\n" for record in data)
    file = client.files.upload(file=io.BytesIO(data), config={"mime_type": "jsonl"})
    name = file.name or ""
    wait_for(lambda: client.files.get(name=name).state == types.FileState.ACTIVE)
    job = client.batches.create(
        model="gemini-2.5-flash", src=name, config={"display_name": display_name}
    )
    if wait:
        wait_for(lambda: client.batches.get(name=job.name or "").end_time)
    return client.batches.get(name=job.name or "") if wait else job


def result_lines(client: genai.Client, job: types.BatchJob) -> list[dict[str, Any]]:
    """The lines of a finished job's result file."""
    assert job.dest and job.dest.file_name, "the job has no result file"
    data = client.files.download(file=job.dest.file_name)
    return [json.loads(line) for line in data.split(b"\n") if line]
