"""Starts the embedded server as a process of its own, which ends with the one that started it."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ..errors import ServiceError

TOKEN_VARIABLE = "PAGEWAVE_EMBEDDED_TOKEN"
"""Where the server finds its token: everyone on the machine can see a command line."""


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
        with log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pagewave.embedded", "--state", str(state_dir), *arguments],
                env=os.environ | {TOKEN_VARIABLE: self.token, "PYTHONPATH": _python_path()},
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

    def close(self) -> None:
        """End the server; batches that are not finished go on at its next start."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _python_path() -> str:
    """The package's folder first, so that the server is the same pagewave, installed or not."""
    here = str(Path(__file__).parents[2])
    return os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))
