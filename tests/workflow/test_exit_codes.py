"""A run ends with the exit code that the README's table says, each tried with the real command."""

import fcntl
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from helpers.embedded_process import EmbeddedProcess
from helpers.library import REPO, Library
from pagewave.errors import WORST_FIRST, PagewaveError

BOOKS = {"Ohio/Ashgrove/1852": 2, "Vermont/Linden/1866": 2}
NO_STACK = ("Traceback", '  File "')
REFUSALS = {
    "refused:reason=key": "Check GEMINI_API_KEY",
    "refused:reason=expired-key": "Check GEMINI_API_KEY",
    "refused:reason=login": "Check GEMINI_API_KEY",
    "refused:reason=permission": "check GEMINI_API_KEY",
    "refused:reason=place": "available-regions",
    "refused:reason=model,match=/models/": "Check model.name",
}
"""What the service refuses, as it says so, and what a person is told to do."""


def library(root: Path, *faults: str, **execution: Any) -> Library:
    """Two books, each a lane of its own."""
    return Library(
        root,
        BOOKS,
        execution={"batch_size_limit": 1, **execution},
        embedded={"faults": list(faults)},
        batch={"retry_pause_seconds": 0.05},
    )


def last_line(output: str) -> str:
    """The last line that is ours."""
    return [line for line in output.splitlines() if line.startswith("pagewave: ")][-1]


def codes_of_readme() -> set[int]:
    """The exit codes that the README promises."""
    text = (REPO / "README.md").read_text(encoding="utf-8")
    table = text[text.index("Exit codes:") :].partition("\n\n")[0]
    return {int(code) for code in re.findall(r"(?:^|; |: )(\d)(?= )", table.replace("\n", " "))}


def test_every_code_has_its_row_and_its_rank() -> None:
    kinds = [PagewaveError, *PagewaveError.__subclasses__()]
    assert codes_of_readme() == {0, *WORST_FIRST}
    assert {kind.exit_code for kind in kinds} == set(WORST_FIRST)
    assert len(set(WORST_FIRST)) == len(WORST_FIRST)


def test_0_all_read(tmp_path: Path) -> None:
    with library(tmp_path) as read:
        read.run(code=0)
        # Once a run, however many lanes there are, and not where there is nothing to send.
        assert len(read.events("model")) == 1
        read.run(code=0)
        assert len(read.events("model")) == 1


def test_1_a_dead_letter(tmp_path: Path) -> None:
    with library(tmp_path, "blocked:match=Ashgrove", max_retries=1) as dead:
        assert "is a dead letter" in dead.run(code=1)


def test_2_the_configuration_or_the_prompt(tmp_path: Path) -> None:
    with library(tmp_path) as mistaken:
        mistaken.configure(prompt={"template_file": "v9.jinja"})
        assert "v1.1.jinja" in mistaken.run(code=2)


def test_3_a_broken_scan(tmp_path: Path) -> None:
    with library(tmp_path) as broken:
        broken.image("Ohio:Ashgrove:1852:2").write_bytes(b"no image")
        assert "Ashgrove/1852/2.jpg" in broken.run(code=3)


def test_4_a_damaged_ledger(tmp_path: Path) -> None:
    with library(tmp_path) as damaged:
        damaged.state.mkdir()
        (damaged.state / "ledger.sqlite").write_bytes(b"")
        assert "zero bytes" in last_line(damaged.run(code=4))


def test_4_another_run_is_going_on(tmp_path: Path) -> None:
    with library(tmp_path) as second:
        second.state.mkdir()
        with (second.state / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            assert "Wait for it or stop it" in last_line(second.run(code=4))


@pytest.mark.parametrize(("fault", "advice"), REFUSALS.items())
def test_5_a_refused_key_model_or_place_is_found_before_anything_is_uploaded(
    tmp_path: Path, fault: str, advice: str
) -> None:
    with library(tmp_path, fault) as refused:
        output = refused.run(code=5)
        assert advice in last_line(output)
        assert not refused.events("upload")
        assert not refused.events("create")
        assert not any(stack in output for stack in NO_STACK), output
        # Once it is allowed, the same command reads all.
        refused.configure(embedded={"faults": []})
        refused.run()
        assert set(refused.inferences().values()) == {1}


@pytest.mark.slow
def test_5_where_jobs_are_processes(tmp_path: Path) -> None:
    with library(tmp_path, "refused:reason=key") as refused:
        output = refused.run(code=5, profile=False)
        assert "Check GEMINI_API_KEY" in last_line(output)
        assert not refused.events("upload")


def test_5_a_quota_that_stays_used_up(tmp_path: Path) -> None:
    with library(tmp_path, "http-error:call=create,code=429") as full:
        full.configure(batch={"quota_seconds": 0})
        assert "quota has been used up" in last_line(full.run(code=5))


def test_5_a_refusal_comes_before_dead_letters(tmp_path: Path) -> None:
    faults = ("blocked", "refused:reason=permission,call=create,skip=1")
    with library(tmp_path, *faults, max_retries=1) as both:
        output = both.run(code=5)
        assert "is a dead letter" in output
        assert both.ledger("SELECT exit_code, outcome FROM run") == [(5, "failed")]


def test_6_stopped(tmp_path: Path) -> None:
    with library(tmp_path, "batch-hold:seconds=600") as held:
        head = held.start()
        head.wait_for_create(held, 2)
        head.signal(signal.SIGTERM)
        code, output = head.wait()
        assert (code, "The same command goes on" in output) == (6, True)


def test_7_more_to_come(tmp_path: Path) -> None:
    server = EmbeddedProcess(tmp_path / "state/embedded", "--batch-seconds", "600")
    with library(tmp_path, wait=False) as later, server:
        later.environment |= {
            "PAGEWAVE_EMBEDDED_URL": server.base_url,
            "PAGEWAVE_EMBEDDED_TOKEN": server.token,
        }
        assert "Run the same command again" in later.run(code=7)


def test_8_the_budget(tmp_path: Path) -> None:
    with library(tmp_path, max_cost_usd=0.000001) as poor:
        assert "execution.max_cost_usd" in last_line(poor.run(code=8))
        assert not poor.events("create")
