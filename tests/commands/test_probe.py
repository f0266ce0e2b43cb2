"""A few pages asked by flex: how long calls take, what they cost, and what forecasts make of it."""

import contextlib
import io
from pathlib import Path

import pytest

from helpers.command_calls import main_of, said
from helpers.embedded_process import EmbeddedProcess
from helpers.library import Library
from pagewave.commands.trials.probe import first_pages

SCRIPT = "plan.py"
BOOKS = {"Ohio/Elm School/1850": 3, "Ohio/Oak School/1850": 1}
FIRST = ["Ohio:Elm School:1850:1", "Ohio:Oak School:1850:1", "Ohio:Elm School:1850:2"]


@pytest.fixture(autouse=True)
def no_braintrust(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever keys the shell has, tests name their own."""
    monkeypatch.delenv("BRAINTRUST_API_KEY", raising=False)


def test_pages_are_taken_from_the_beginnings_of_all_chains() -> None:
    chains = [["a1", "a2", "a3"], ["b1"], ["c1", "c2"]]
    assert first_pages(chains, 2) == ["a1", "b1"]
    assert first_pages(chains, 5) == ["a1", "b1", "c1", "a2", "c2"]
    assert first_pages(chains, 99) == ["a1", "b1", "c1", "a2", "c2", "a3"]
    assert first_pages([], 1) == []


def test_a_probe_is_a_run_of_its_own_whose_seconds_the_forecast_goes_by(tmp_path: Path) -> None:
    with Library(tmp_path, BOOKS) as library:
        before = {road["road"]: road for road in said(library, SCRIPT)["roads"]}
        assert list(before) == ["batch", "flex", "standard", "auto"]
        assert "27 s (as others saw)" in before["flex"]["why"]
        probed = said(library, SCRIPT, "--probe", "3")
        assert (probed["asked"], len(probed["seconds"]), probed["not_answered"]) == (3, 3, [])
        assert probed["usd"] > 0
        assert library.ledger("SELECT purpose, outcome FROM run") == [("probe", "ok")]
        columns = "key, ok, usd, model_served, service_tier"
        calls = library.ledger(f"SELECT {columns} FROM call ORDER BY id")
        assert calls == [(key, 1, 0.0, "gemini-2.5-flash", "flex") for key in FIRST]
        assert not library.ledger("SELECT * FROM attempt")
        plan = said(library, SCRIPT)
        after = {road["road"]: road for road in plan["roads"]}
        assert plan["to_send"] == 4  # its answers are not kept
        assert "s (as measured here)" in after["flex"]["why"]
        assert after["flex"]["seconds"] < before["flex"]["seconds"]
        assert "(as others saw; Google aims at 24 h for each)" in after["batch"]["why"]
        assert "Quicker at the same price: execution.transport: flex" in plan["advice"]


def test_gemini_is_asked_by_flex_at_the_price_of_a_batch_once_a_person_agreed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        EmbeddedProcess(tmp_path / "gemini") as gemini,
        Library(tmp_path, BOOKS, execution={"max_cost_usd_total": 1.0}) as library,
    ):
        library.config["engine"] = "gemini"
        library.configure()
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", gemini.base_url)
        monkeypatch.setenv("GEMINI_API_KEY", gemini.token)
        for answer in ("\n", "no\n", ""):
            monkeypatch.setattr("sys.stdin", io.StringIO(answer))
            with contextlib.chdir(library.root):
                assert main_of(SCRIPT)(["--configfile", "config.yaml", "--probe", "1"]) == 1
        asked = capsys.readouterr().err
        assert "1 page by flex, about 0.01 USD; their answers are not kept. Go on? [y/N]" in asked
        assert "Nothing was sent." in asked
        assert gemini.stats()["inferences"] == 0
        monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
        probed = said(library, SCRIPT, "--probe", "1")
        assert gemini.stats()["inferences"] == 1
        [(used, answered, usd)] = library.ledger(
            "SELECT prompt_tokens, output_tokens + thoughts_tokens, usd FROM call"
        )
        # 0.15 and 1.25 USD a million tokens: the batch price of config/README.md.
        assert usd == pytest.approx((used * 0.15 + answered * 1.25) / 1e6)
        assert probed["usd"] == pytest.approx(usd)
        library.configure(execution={"max_cost_usd_total": usd})
        with contextlib.chdir(library.root):
            given = ["--configfile", "config.yaml", "--probe", "1", "--yes"]
            assert main_of(SCRIPT)(given) == 8
        assert "max_cost_usd_total is" in capsys.readouterr().err
        assert gemini.stats()["inferences"] == 1


def test_where_all_is_read_there_is_nothing_to_probe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Library(tmp_path, {"Ohio/Elm School/1850": 1}) as library:
        library.run()
        with contextlib.chdir(library.root):
            assert main_of(SCRIPT)(["--configfile", "config.yaml", "--probe", "2"]) == 1
    assert "All is read: there is no page to ask for." in capsys.readouterr().err
