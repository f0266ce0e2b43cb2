"""scripts/deliver_logs.py, by itself and killed in the middle."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.braintrust_server import BraintrustServer
from helpers.command_calls import Operator
from helpers.embedded_process import SCRIPTS, wait_for
from helpers.forked_heads import python
from helpers.library import REPO
from helpers.logged_attempts import ATTEMPTS, assert_all_there_once, fill, for_posts, key_of


def deliver_logs(path: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run deliver_logs.py in a folder without .env."""
    return subprocess.run(
        [*python(), str(REPO / "scripts/deliver_logs.py"), "--ledger", str(path), *options],
        **{"capture_output": True, "text": True, "check": False, "cwd": path.parent},
        env=without_braintrust() | environment,
    )


def without_braintrust() -> dict[str, str]:
    """The environment of a process that knows no Braintrust."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BRAINTRUST_")}
    return kept | {"PYTHONPATH": str(SCRIPTS)}


def test_the_command_delivers_and_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ledger.sqlite"
    ledger = fill(path, 3)
    operator = Operator(path, capsys)
    monkeypatch.chdir(tmp_path)
    with BraintrustServer() as server:
        here = server.environment
        for name in here:
            monkeypatch.delenv(name, raising=False)
        off = "BRAINTRUST_API_KEY and BRAINTRUST_PROJECT_NAME are not set"
        assert off in operator.run("deliver_logs.py", code=2)
        status = operator.json("deliver_logs.py", "--status")
        assert (status["waiting"], status["delivered"], status["outage"]) == (3, 0, None)
        assert off in status["off"]

        wrong = deliver_logs(path, **here | {"BRAINTRUST_API_KEY": "wrong"})
        assert wrong.returncode == 5
        assert "refuses BRAINTRUST_API_KEY" in wrong.stderr

        ledger.outbox.mark_refused(2, "413: too large", park_after=1)
        down = deliver_logs(path, **here | {"BRAINTRUST_API_URL": "http://127.0.0.1:1"})
        assert down.returncode == 1
        assert f"refused (1x): {key_of(1)}: 413: too large" in down.stdout
        assert "http://127.0.0.1:1 gave no answer (Connection refused)" in down.stdout
        assert "0 rows delivered, 2 waiting, 1 refused" in operator.run(
            "deliver_logs.py", "--status"
        )

        last = deliver_logs(path, "--parked", "--json", **here)
        assert last.returncode == 0, last.stderr
        assert json.loads(last.stdout)["delivered_now"] == 3
        assert len(server.rows) == 3
        for result in (wrong, down, last):
            assert "Traceback" not in result.stderr


def test_kill_between_sending_and_ticking_off(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    ledger = fill(path)
    with BraintrustServer() as server:
        server.trouble = for_posts([None, None, None, "hang"])
        head = subprocess.Popen(
            [sys.executable, str(REPO / "scripts/deliver_logs.py"), "--ledger", str(path)],
            env=without_braintrust() | server.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for(lambda: server.held)
        head.kill()
        head.wait()
        server.release()
        assert len(server.rows) == 400
        assert ledger.outbox.counts() == (700, 300, 0)
        result = deliver_logs(path, **server.environment)
        assert result.returncode == 0, result.stderr
        assert_all_there_once(ledger, server, ATTEMPTS)
        assert sum(server.posts) == ATTEMPTS + 100
