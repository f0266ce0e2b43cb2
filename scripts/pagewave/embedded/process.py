"""Starts the embedded server as a process of its own, which ends with the one that started it."""

import contextlib
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pagewave.config.keys import KEY_VARIABLES
from pagewave.errors import ServiceError
from pagewave.halves import FOLDER as HALVES_FOLDER

if TYPE_CHECKING:
    from pagewave.config.settings import Settings

TOKEN_VARIABLE = "PAGEWAVE_EMBEDDED_TOKEN"
"""Where the server finds its token: everyone on the machine can see a command line."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a running server is found: kept in its state folder, for the eyes of its user only.

    So operators' commands reach the server of a run. `owner` is the process that started it.
    """

    owner: int
    base_url: str
    token: str


class EmbeddedServer:
    """A running embedded server; its jobs are kept in `state_dir` and go on when it starts again.

    Args:
        state_dir: where the server keeps files and jobs.
        arguments: further options of `python -m pagewave.embedded`.

    Raises:
        ServiceError: it did not start.
    """

    def __init__(self, state_dir: Path, arguments: Sequence[str] = ()) -> None:
        self.token = secrets.token_hex(16)
        state_dir.mkdir(parents=True, exist_ok=True)
        log_file = state_dir / "server.log"
        # What others' keys are, it need not know.
        environment = {k: v for k, v in os.environ.items() if k not in KEY_VARIABLES}
        with log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pagewave.embedded", "--state", str(state_dir), *arguments],
                env=environment | {TOKEN_VARIABLE: self.token, "PYTHONPATH": python_path()},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the head; the server ends after it
            )
        assert self.process.stdout is not None
        ready = self.process.stdout.readline()
        if not ready:
            raise ServiceError(
                f"The embedded server did not start; {log_file} says why. It needs the packages of "
                "the extra `embedded`: pip install -e '.[embedded]'"
            )
        self.base_url = f"http://127.0.0.1:{json.loads(ready)['port']}"
        self._address_file = _address_file(state_dir)
        self._leave_address()

    def close(self) -> None:
        """End the server; batches that are not finished go on at its next start."""
        assert self.process.stdin is not None
        self._address_file.unlink(missing_ok=True)
        self.process.stdin.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _leave_address(self) -> None:
        address = Address(os.getpid(), self.base_url, self.token)
        partial = self._address_file.with_suffix(".partial")
        partial.unlink(missing_ok=True)
        partial.touch(mode=0o600)  # before the token is in it
        partial.write_text(json.dumps(asdict(address)))
        partial.replace(self._address_file)


def start_server(settings: "Settings") -> EmbeddedServer:
    """Start the server that `embedded` in the configuration describes, over its jobs of before."""
    embedded = settings.embedded
    arguments = ["--reader", embedded.reader, "--workers", str(embedded.workers)]
    arguments += ["--batch-seconds", str(embedded.batch_seconds)]
    arguments += ["--call-seconds", str(embedded.call_seconds)]
    arguments += ["--call-sigma", str(embedded.call_sigma)]
    paths = settings.paths
    for folder in (paths.image_source_dir, paths.prepared_dir, paths.state_dir / HALVES_FOLDER):
        arguments += ["--pages", str(folder)]
    arguments += ["--levels", str(len(paths.tree))]
    for fault in embedded.faults:
        arguments += ["--fault", fault]
    return EmbeddedServer(server_dir(settings), arguments)


def running_server(settings: "Settings") -> Address | None:
    """The address that a server started by somebody else left, if it did; it may be out of date."""
    with contextlib.suppress(OSError, ValueError, TypeError):
        return Address(**json.loads(_address_file(server_dir(settings)).read_bytes()))
    return None


def server_dir(settings: "Settings") -> Path:
    """Where the embedded server keeps its files and jobs."""
    return settings.paths.state_dir / "embedded"


def _address_file(state_dir: Path) -> Path:
    return state_dir / "address.json"


def python_path() -> str:
    """The package's folder first, so that the server is the same pagewave, installed or not."""
    here = str(Path(__file__).parents[2])
    return os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))
