"""Sides of a comparison that differ in model, settings or transport, not only in their prompt."""

import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest

from helpers.command_calls import main_of, said
from helpers.embedded_process import SCRIPTS, EmbeddedProcess, wait_for
from helpers.forked_heads import python
from helpers.library import REPO, Library
from pagewave.commands.trials.courses import course_changes
from pagewave.commands.trials.reading import ask_all
from pagewave.commands.trials.sides import choose, labels
from pagewave.config.settings import load_settings
from pagewave.errors import ServiceError
from pagewave.gemini.retries import Stopped

SCRIPT = "compare_prompts.py"
PAGE = "Ohio:Elm School:1850:{}"
BOOKS = {"Ohio/Elm School/1850": 2}
OTHER = "gemini-3.8-flash"
PAGES = ("--pages", PAGE.format(1), PAGE.format(2))


@pytest.fixture(autouse=True)
def no_braintrust(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever keys the shell has, tests name their own."""
    monkeypatch.delenv("BRAINTRUST_API_KEY", raising=False)


@contextlib.contextmanager
def served(root: Path, monkeypatch: pytest.MonkeyPatch, **sections: Any) -> Iterator[Library]:
    """A library whose Gemini is an embedded server: what is read has its price."""
    with EmbeddedProcess(root / "gemini") as gemini, Library(root, BOOKS, **sections) as library:
        library.config["engine"] = "gemini"
        library.configure()
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", gemini.base_url)
        monkeypatch.setenv("GEMINI_API_KEY", gemini.token)
        yield library


def refusal(library: Library, *arguments: str) -> str:
    """What the command says to a mistake; nothing was sent, nor was a ledger begun."""
    err = io.StringIO()
    given = ["--configfile", "config.yaml", *arguments, "--sample", "1"]
    with contextlib.chdir(library.root), contextlib.redirect_stderr(err):
        assert main_of(SCRIPT)(given) == 2
    assert not library.state.exists()
    return err.getvalue()


def taken(report: dict[str, Any]) -> dict[str, tuple[float, float]]:
    """What a page took on each side, by figure."""
    return {row["figure"]: (row["a"]["value"], row["b"]["value"]) for row in report["taken"]}


def test_two_models_are_compared_with_the_cost_and_time_of_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sides = ("--a", "v1.1.jinja", "--b", f"model={OTHER}", "thinking_level=low", "--yes")
    with served(tmp_path, monkeypatch) as library:
        found = said(library, SCRIPT, *sides, *PAGES)
        asked = capsys.readouterr().err
        a, b = found["sides"]["a"], found["sides"]["b"]
        assert a["label"] == "model=gemini-2.5-flash, thinking_level=null"
        assert b["label"] == f"model={OTHER}, thinking_level=low"
        assert (b["model"], b["thinking_level"], b["transport"]) == (OTHER, "low", "batch")
        assert f"{b['label']}: 2 pages of 1 book, about" in asked
        sent = library.ledger(
            "SELECT b.model, r.generation_config, a.usd FROM batch b"
            " JOIN record r ON r.batch_id = b.id JOIN attempt a ON a.batch_id = b.id"
            " AND a.key = r.key"
        )
        of_other = [json.loads(config) for model, config, _ in sent if model == OTHER]
        assert [config["thinkingConfig"] for config in of_other] == [{"thinkingLevel": "LOW"}] * 2
        assert not any("temperature" in config for config in of_other)
        # Each side by its own model's price, for the same tokens.
        usd, seconds = taken(found)["USD a page"], taken(found)["seconds a page"]
        by_model = [sum(u for m, _, u in sent if m == model) for model in (a["model"], OTHER)]
        assert usd == pytest.approx([spent / 2 for spent in by_model])
        assert usd[0] < usd[1] and min(seconds) > 0
        assert found["spent_now_usd"] == pytest.approx(sum(by_model))
        assert [page["b"]["served"] for page in found["pages"]] == [OTHER] * 2
        assert library.ledger("SELECT purpose, model FROM run") == [
            ("comparison", f"gemini-2.5-flash and {OTHER}")
        ]
        again = said(library, SCRIPT, *sides, *PAGES)
        assert (again["spent_now_usd"], again["pages"]) == (0.0, found["pages"])
        page = (library.root / found["html"]).read_text(encoding="utf-8")
        assert page.count("thinking_level=low") >= 4 and "seconds a page" in page


def test_batches_and_calls_are_compared_though_they_ask_the_very_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sides = ("--a", "transport=batch", "--b", "transport=flex", "--yes")
    with served(tmp_path, monkeypatch) as library:
        found = said(library, SCRIPT, *sides, *PAGES)
        ways = [(page["a"]["transport"], page["b"]["transport"]) for page in found["pages"]]
        assert ways == [("batch", "flex")] * 2
        assert found["sides"]["b"]["label"] == "transport=flex"
        count = "SELECT transport, COUNT(*) FROM batch GROUP BY transport"
        assert library.ledger(count) == [("batch", 1), ("flex", 2)]
        # At half the price both (each says which reading of its page it is), by its own clock.
        usd, seconds = taken(found)["USD a page"], taken(found)["seconds a page"]
        assert usd[0] == pytest.approx(usd[1], rel=0.05) and min(seconds) > 0
        again = said(library, SCRIPT, *sides, *PAGES)
        assert (again["spent_now_usd"], again["pages"]) == (0.0, found["pages"])
        sides = ("--a", "transport=flex", "--b", "transport=standard", "--yes")
        dearer = taken(said(library, SCRIPT, *sides, *PAGES))["USD a page"]
        assert dearer == (usd[1], pytest.approx(2 * usd[1], rel=0.05))


def test_what_both_sides_ask_alike_by_calls_is_paid_once(tmp_path: Path) -> None:
    registry = tmp_path / "prompts"
    shutil.copytree(REPO / "prompts", registry)
    text = (registry / "page_ocr/v1.jinja").read_text(encoding="utf-8")
    (registry / "page_ocr/v1-noted.jinja").write_text("{# no word more #}" + text)
    with Library(tmp_path, BOOKS, prompt={"registry_dir": str(registry)}) as library:
        sides = ("--a", "v1,transport=flex", "--b", "v1-noted,transport=standard")
        found = said(library, SCRIPT, *sides, *PAGES)
        assert all(page["a"] == page["b"] and page["a"]["page"] for page in found["pages"])
        assert set(library.inferences().values()) == {1}
        assert library.ledger("SELECT COUNT(*) FROM batch WHERE status = 'collected'") == [(2,)]
        assert library.ledger("SELECT outcome FROM run") == [("ok",)]


def test_calls_in_flight_are_waited_for_no_longer_than_is_configured() -> None:
    calls = SimpleNamespace(in_flight=2, stop_seconds=0.05)
    session: Any = SimpleNamespace(stop=threading.Event(), settings=SimpleNamespace(calls=calls))
    arrives = threading.Event()

    def ask(page: Any) -> bool:
        session.stop.set()
        return arrives.wait()

    pages: list[Any] = ["1", "2", "3"]
    with pytest.raises(Stopped):
        ask_all(session, pages, ask)
    arrives.set()


def test_after_ctrl_c_what_was_paid_is_kept_and_the_same_command_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sides = ("--a", f"transport=flex,model={OTHER}", "--b", "transport=flex", "--yes")
    limits = {"in_flight": 1, "stop_seconds": 0.2}
    with EmbeddedProcess(tmp_path / "server") as server, Library(tmp_path, BOOKS) as library:
        library.config["engine"] = "gemini"
        library.configure(calls=limits)
        server.show_images(tmp_path / "images")
        slow = "slow:call=generate,seconds=600,skip=1"  # the second call of each side
        server.set_faults([f"{slow},match={OTHER}", f"{slow},match=gemini-2.5-flash"])
        address = {"GOOGLE_GEMINI_BASE_URL": server.base_url, "GEMINI_API_KEY": server.token}
        command = [*python(), str(SCRIPTS / SCRIPT), "--configfile", "config.yaml", *sides]
        output = tmp_path / "said.txt"
        with output.open("w") as file:
            process = subprocess.Popen(
                [*command, *PAGES],
                cwd=tmp_path,
                env=os.environ | address | {"PYTHONPATH": str(SCRIPTS)},
                stdout=file,
                stderr=file,
            )
            try:
                wait_for(lambda: process.poll() is not None or server.log("fault"))
                process.send_signal(signal.SIGINT)
                assert process.wait(60) == 130, output.read_text()
            finally:
                process.kill()
        # What was in flight, of one side or of both, is open or counted as lost already.
        states = "SELECT COUNT(*), SUM(state IS 'SUCCEEDED') FROM batch"
        ((begun, answered),) = library.ledger(states)
        assert (answered, begun - answered) in ((2, 1), (2, 2))
        assert library.ledger("SELECT outcome FROM run") == [("stopped",)]
        server.set_faults([])
        with patch.dict(os.environ, address):
            found = said(library, SCRIPT, *sides, *PAGES)
        assert all(page[side]["page"] for page in found["pages"] for side in "ab")
        forecasts = [line for line in capsys.readouterr().err.splitlines() if "2 pages of" in line]
        assert len(forecasts) == 2  # what was in flight costs something again
        assert all("1 free (stored answers), about " in line for line in forecasts)
        assert not [line for line in forecasts if "about 0.0000 USD" in line]
        lost = "SELECT COUNT(*) FROM batch WHERE state = 'UNANSWERED'"
        assert library.ledger(lost) == [(begun - answered,)]
        # What was in flight may have been read; it has its attempts, and was asked anew.
        most = 4 + begun - answered
        assert 4 <= len(server.log("inference")) <= most
        assert library.ledger("SELECT COUNT(*), SUM(ok) FROM attempt") == [(most, 4)]


def test_after_a_call_that_failed_for_all_none_is_begun() -> None:
    calls = SimpleNamespace(in_flight=1, stop_seconds=60.0)
    session: Any = SimpleNamespace(stop=threading.Event(), settings=SimpleNamespace(calls=calls))
    begun: list[Any] = []

    def ask(page: Any) -> bool:
        begun.append(page)
        if page == "2":
            raise ServiceError("the key is refused")
        return True

    pages: list[Any] = ["1", "2", "3"]
    with pytest.raises(ServiceError, match="the key is refused"):
        ask_all(session, pages, ask)
    assert begun == ["1", "2"]
    assert ask_all(session, ["1", "3"], ask) == ["1", "3"]  # type: ignore[list-item]


def test_an_answer_costs_what_failed_before_it_too(tmp_path: Path) -> None:
    faults = [f"max-tokens:match={PAGE.format(2)}$,times=1"]
    with Library(tmp_path, BOOKS, embedded={"faults": faults}) as library:
        sides = ("--a", "v1", "--b", "transport=flex,v1.1")
        found = said(library, SCRIPT, *sides, "--pages", PAGE.format(2))
        [page] = found["pages"]
        attempts = {page[side]["attempts"]: page[side] for side in "ab"}
        assert set(attempts) == {1, 2}
        assert attempts[2]["input_tokens"] > 1.5 * attempts[1]["input_tokens"]


@pytest.mark.parametrize(
    ("sides", "words"),
    [
        (
            ("--a", "v1", "--b", f"model={OTHER},thinking_level=minimal"),
            f"thinking_level: {OTHER} does not take minimal; nearest: thinking_level: low",
        ),
        (
            ("--a", "v1", "--b", "thinking_level=low"),
            "thinking_level: gemini-2.5-flash does not take low; nearest: thinking_budget: 1024",
        ),
        (("--a", "v1", "--b", "thinking_levle=low"), "Did you mean thinking_level?"),
        (("--a", "v1", "--b", "temperature=warm"), 'generation_config.temperature: "warm" given'),
        (("--a", "v1", "--b", "temperature=0.5,temperature=1"), "is given twice"),
        (("--a", "v1", "--b", "transport=by_mule"), 'execution.transport: "by_mule" given'),
        (("--a", "v1", "--b", "model=gemini-4-argon,transport=flex"), "is not read by flex"),
        (("--a", "v1", "--b", "transport=auto"), "has none; choose batch, flex or standard"),
        (("--a", "v1", "--b", "v1.1 v1 model=gemini-3.8-flash"), "are several prompts"),
        (("--a", "v1", "--b", "v1.jinja"), "the same text: nothing to compare"),
        (
            ("--a", f"model={OTHER}", "--b", f"v1.1.jinja,model.name=models/{OTHER}"),
            "nothing to compare",
        ),
        (("--a", "v1", "--b", "v1,temperature=0.1"), "nothing to compare"),
        (("--a", "transport=flex", "--b", "v1.1 transport=flex"), "nothing to compare"),
    ],
)
def test_what_a_side_can_not_be_is_told_before_anything_is_sent(
    tmp_path: Path, sides: tuple[str, ...], words: str
) -> None:
    with Library(tmp_path, BOOKS) as library:
        assert words in refusal(library, *sides)


def test_a_budget_needs_the_price_of_each_sides_model(tmp_path: Path) -> None:
    with Library(tmp_path, BOOKS, execution={"max_cost_usd": 1.0}) as library:
        said_of_it = refusal(library, "--a", "v1", "--b", "model=gemini-99-mystery")
        assert "the price of gemini-99-mystery is not known, so no budget" in said_of_it


def test_retries_that_the_other_model_refuses_are_its_familys_own(tmp_path: Path) -> None:
    retry = {"steps": {"any": [{"thinking_budget": 0}]}}
    with Library(tmp_path, BOOKS, retry=retry) as library, contextlib.chdir(library.root):
        settings = load_settings(library.config, Path.cwd())
        plain, other = choose(settings, ["v1.1"]), choose(settings, [f"model={OTHER}"])
        assert plain.settings.retry.steps and other.settings.retry.steps is None
        assert f"{OTHER} refuses what `retry` says" in other.notes[0]
        assert labels(plain, other) == ("model=gemini-2.5-flash", f"model={OTHER}")
        both = labels(choose(settings, ["v1"]), choose(settings, ["temperature=0.7"]))
        assert both == ("v1, temperature=0.1", "v1.1, temperature=0.7")


def test_a_model_that_the_service_does_not_know_is_told_before_the_other_side_is_paid(
    tmp_path: Path,
) -> None:
    faults = ["refused:call=model,reason=model,skip=1"]
    with Library(tmp_path, BOOKS, embedded={"faults": faults}) as library:
        err = io.StringIO()
        given = ["--configfile", "config.yaml", "--a", "v1", "--b", f"model={OTHER}", *PAGES]
        with contextlib.chdir(library.root), contextlib.redirect_stderr(err):
            assert main_of(SCRIPT)(given) == 5
        assert library.events("create") == []
        assert library.ledger("SELECT outcome FROM run") == [("failed",)]


def test_courses_that_change_are_missing_different_or_new() -> None:
    def course(name: str, level: str | None = None) -> dict[str, Any]:
        return {"course_name": name, "department": None, "level": level, "term": None}

    a = [course("Algebra", "I"), course("Latin"), course("Livy"), course("Music")]
    b = [course("Music."), course("Latin", "II"), course("Algebra", "I"), course("Zoology")]
    found = course_changes(a, b)
    assert [(change.name, change.what) for change in found] == [
        ("Latin", "different"),
        ("Livy", "missing in B"),
        ("Zoology", "only in B"),
    ]
    assert found[0].details == 'level: null → "II"'
    assert course_changes(a, a) == []


def test_where_auto_is_configured_sides_go_by_batch_or_as_they_say(tmp_path: Path) -> None:
    execution = {"transport": "auto", "deadline": 3, "max_cost_usd": 1}
    with Library(tmp_path, BOOKS, execution=execution) as library, contextlib.chdir(library.root):
        settings = load_settings(library.config, Path.cwd())
        plain, other = choose(settings, ["v1"]), choose(settings, ["transport=flex"])
        assert (plain.transport, other.transport) == ("batch", "flex")
        assert plain.notes == (
            "by batch: execution.transport: auto chooses for the waves of a run",
        )
        assert other.notes == ()
