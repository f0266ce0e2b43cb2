"""Two prompts over the same pages: paid once, and nothing changes for the workflow."""

import contextlib
import io
import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from helpers.braintrust_server import KEY as KEY_OF_BRAINTRUST
from helpers.command_calls import main_of, said
from helpers.embedded_process import SCRIPTS, EmbeddedProcess, wait_for
from helpers.experiments import Experiments
from helpers.library import Library
from helpers.sample import KEY, NO_CONTEXT, TRUTH, sample_library, write_true_page
from pagewave.gemini.client import Gemini
from pagewave.ledger import FailureRow, Ledger, PlannedPage, Record
from pagewave.ledger.lock import take_lock

SCRIPT = "compare_prompts.py"
PAGE = "Ohio:Elm School:1850:{}"
BOOKS = {"Ohio/Elm School/1850": 2}
BOTH = ("--a", "v1.jinja", "--b", "v1.1.jinja")


def run(library: Library, *arguments: str, code: int = 0) -> tuple[str, str]:
    """What the command prints to standard output and to standard error."""
    out, err = io.StringIO(), io.StringIO()
    given = ["--configfile", "config.yaml", *arguments]
    with (
        contextlib.chdir(library.root),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        assert main_of(SCRIPT)(given) == code, out.getvalue() + err.getvalue()
    return out.getvalue(), err.getvalue()


@pytest.fixture(autouse=True)
def no_braintrust(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever keys the shell has, tests name their own."""
    monkeypatch.delenv("BRAINTRUST_API_KEY", raising=False)


def test_the_sample_is_compared_scored_shown_and_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = ("--pages", KEY.format(4), KEY.format(6), "--truth", str(TRUTH))
    with sample_library(tmp_path) as library, Experiments() as braintrust:
        write_true_page(library, 3)
        for name, value in braintrust.environment.items():
            monkeypatch.setenv(name, value)
        found = said(library, SCRIPT, "--a", NO_CONTEXT, "--b", "v1", *pages)

        four, six = found["pages"]
        # The headings of page 4's first courses stand on page 3: only v1 is told of it.
        assert four["a"]["score"]["course_recall"] == 0.6
        assert four["b"]["score"]["course_recall"] == 1.0
        assert four["text_difference"] == 0.0
        assert six["previous_page_unread"] == KEY.format(5)
        recall = next(r for r in found["results"] if r["measure"] == "course recall")
        assert (recall["b_better"], recall["b_worse"]) == (1, 0)
        assert recall["difference"] == {"value": pytest.approx(0.4), "low": None, "high": None}
        assert (recall["pages"], recall["verdict"]) == (1, "open")
        assert found["scored_pages"] == 2

        page = (library.root / found["html"]).read_text(encoding="utf-8")
        assert page.count('src="data:image/jpeg;base64,') == 2
        assert "Courses not found: English Literature; History" in page
        assert not re.search(r"https?://|<script", page)

        assert [made["name"].split()[1] for made in braintrust.made] == ["v1-no-context", "v1"]
        assert braintrust.made[1]["base_exp_id"] == "e1"
        assert braintrust.made[0]["metadata"]["engine"] == "embedded"
        cases = braintrust.cases("e2")
        assert set(cases) == {KEY.format(4), KEY.format(6)}
        assert cases[KEY.format(4)]["output"]["page_info"]["page_number"] == "8"
        assert cases[KEY.format(4)]["expected"]["courses"]
        about = cases[KEY.format(4)]["metadata"]
        assert (about["page_id"], about["page"]) == (KEY.format(4), 4)
        prompt = (about["prompt_name"], about["prompt_version"], about["prompt_template"])
        assert prompt == ("page_ocr", "v1", "v1.jinja")
        # Each attempt has its row as those of a run have, through the outbox.
        attempts = [
            row for row in braintrust.rows.values() if "batch_id" in row.get("metadata", {})
        ]
        told = {(row["input"]["page_id"], row["metadata"]["prompt_version"]) for row in attempts}
        # Of page 6, without context, both versions ask the very same.
        assert len(told) == len(attempts) == len(library.ledger("SELECT id FROM attempt")) == 3
        assert {(KEY.format(4), v) for v in ("v1-no-context", "v1")} < told
        assert library.ledger("SELECT DISTINCT status FROM outbox") == [("delivered",)]
        scores = {
            (row["experiment_id"], *row["scores"].items())
            for row in braintrust.rows.values()
            if row.get("scores") and row["span_attributes"]["name"] == "course_recall"
        }
        assert ("e1", ("course_recall", 0.6)) in scores
        sent = json.dumps(braintrust.rows)
        assert KEY_OF_BRAINTRUST not in sent
        assert "base64" not in sent
        assert "/9j/" not in sent


def test_a_second_comparison_is_free_and_the_workflow_takes_the_answers(tmp_path: Path) -> None:
    with Library(tmp_path, BOOKS) as library:
        found = said(library, SCRIPT, *BOTH, "--sample", "5")
        assert [page["key"] for page in found["pages"]] == [PAGE.format(1), PAGE.format(2)]
        assert found["pages"][1]["previous_page_unread"] == PAGE.format(1)
        assert found["results"] == []
        # The same but for the line in which each says which reading of its page it is.
        assert found["text_difference"]["value"] < 0.3
        assert library.inferences() == Counter({PAGE.format(1): 2, PAGE.format(2): 2})
        runs = "SELECT purpose, outcome FROM run"
        assert library.ledger(runs) == [("comparison", "ok")]
        assert library.ledger("SELECT COUNT(*) FROM wave") == [(0,)]
        assert not library.page_file(PAGE.format(1)).exists()

        again = said(library, SCRIPT, *BOTH, "--sample", "5")
        assert again["pages"] == found["pages"]
        assert again["spent_now_usd"] == 0.0
        assert len(library.events("create")) == 2
        assert len(library.ledger(runs)) == 1

        # Page 1 was asked as the workflow asks; page 2 was not told what page 1 says.
        output = library.run()
        assert "1 pages read, 1 from stored answers" in output
        assert library.inferences() == Counter({PAGE.format(1): 2, PAGE.format(2): 3})
        status = said(library, "status.py")
        settled = library.ledger("SELECT * FROM page")
        files = library.page_file(PAGE.format(2)).read_bytes()
        told = said(library, SCRIPT, *BOTH, "--pages", PAGE.format(2))
        assert told["pages"][0]["previous_page_unread"] is None
        assert library.page_file(PAGE.format(2)).read_bytes() == files
        assert library.ledger("SELECT * FROM page") == settled
        assert library.ledger("SELECT COUNT(*) FROM run") == [(3,)]
        assert said(library, "status.py")["id"] == status["id"]


def test_failures_of_a_comparison_count_for_nothing_in_the_workflow(tmp_path: Path) -> None:
    fault = f"record-error:match={PAGE.format(2)}$,times=1"
    with Library(tmp_path, BOOKS, embedded={"faults": [fault]}) as library:
        ledger = Ledger.open(library.state / "ledger.sqlite")
        ledger.runs.start("r1", "embedded", "m", [PlannedPage(PAGE.format(1), 1, 1, 0)], [])
        ledger.files.add_prompt("p", "page_ocr", "v0.jinja", "text")
        record = Record(PAGE.format(1), "f", 1, None, "{}", "1.jpg", "a")
        batch = ledger.batches.add_intent("b1", "embedded", "m", "p", "r1", 1, 1, [record])
        failure = FailureRow(PAGE.format(1), 1, True, "Truncated", "cut off")
        ledger.answers.commit(batch.id, "SUCCEEDED", None, [], [failure])
        ledger.close()

        said(library, SCRIPT, *BOTH, "--pages", PAGE.format(1), PAGE.format(2))
        assert len(library.events("create")) == 3  # the one that failed was asked again
        assert library.ledger("SELECT COUNT(*) FROM failure") == [(2,)]
        # The workflow's failure is not forgiven by the comparison's good answer.
        open_failures = "SELECT key, error_type FROM failure WHERE cleared_at IS NULL"
        assert library.ledger(open_failures) == [(PAGE.format(1), "Truncated")]


def test_a_page_that_is_never_read_is_told_and_left_out(tmp_path: Path) -> None:
    faults = [f"record-error:match={PAGE.format(2)}$"]
    execution = {"max_retries": 2}
    with Library(tmp_path, BOOKS, embedded={"faults": faults}, execution=execution) as library:
        out, err = run(library, *BOTH, "--sample", "2", code=1)
        assert f"{PAGE.format(2)} was not read with v1. APIError" in out
        assert f"{PAGE.format(2)} was not read with v1.1. APIError" in out
        assert "1 page read without context" in out
        assert "v1: 2 pages of 1 book, about" in err
        assert len(library.events("create")) == 4
        html = next((library.root / "logs/comparisons").iterdir()).read_text(encoding="utf-8")
        assert "Not read: APIError" in html


def test_money_is_asked_for_and_nothing_is_sent_without_yes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        EmbeddedProcess(tmp_path / "gemini") as gemini,
        Library(tmp_path, BOOKS) as library,
    ):
        library.config["engine"] = "gemini"
        library.configure()
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", gemini.base_url)
        monkeypatch.setenv("GEMINI_API_KEY", gemini.token)
        monkeypatch.setattr(sys, "stdin", io.StringIO("\n"))
        _, err = run(library, *BOTH, "--sample", "1", code=1)
        assert re.search(
            r"v1: 1 page of 1 book, about [\d,]+ tokens in, [\d,]+ out, about 0\.00", err
        )
        assert "Nothing was sent." in err
        assert gemini.log("upload") == gemini.log("create") == []
        assert not (library.state / "ledger.sqlite").exists()

        monkeypatch.setattr(sys, "stdin", io.StringIO("yes\n"))
        out, _ = run(library, *BOTH, "--sample", "1")
        spent = float(re.search(r"([\d.]+) USD spent now", out)[1])
        [(usd,)] = library.ledger("SELECT SUM(usd) FROM attempt")
        assert spent == pytest.approx(usd, abs=1e-4) and spent > 0
        # Nothing to pay, so nothing to ask; and the key is not needed.
        monkeypatch.delenv("GEMINI_API_KEY")
        out, _ = run(library, *BOTH, "--sample", "1")
        assert "0.0000 USD spent now" in out


def test_the_services_trouble_costs_a_comparison_no_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    pause = Gemini.pause

    def noted(gemini: Gemini, seconds: float) -> None:
        pauses.append(seconds)
        pause(gemini, seconds)

    monkeypatch.setattr(Gemini, "pause", noted)
    with Library(tmp_path, BOOKS, execution={"max_retries": 1}) as library:
        library.configure(
            batch={"retry_pause_seconds": 0.0123, "poll_interval_seconds": 0.02},
            embedded={"faults": ["record-error:code=14,times=6"]},
        )
        found = said(library, SCRIPT, *BOTH, "--pages", PAGE.format(1))
        [page] = found["pages"]
        assert page["a"]["page"] and page["b"]["page"]
        troubles = "SELECT COUNT(*), SUM(counted) FROM failure WHERE error_type = 'ServiceTrouble'"
        assert library.ledger(troubles) == [(6, 0)]
    assert {0.0123, 0.0246, 0.0492} <= set(pauses)  # each twice the one before


def test_a_killed_comparison_is_collected_by_the_next(tmp_path: Path) -> None:
    with Library(tmp_path, BOOKS, embedded={"batch_seconds": 1.0}) as library:
        command = [sys.executable, str(SCRIPTS / SCRIPT), "--configfile", "config.yaml"]
        process = subprocess.Popen(
            [*command, *BOTH, "--sample", "2"],
            cwd=library.root,
            env=os.environ | {"PYTHONPATH": str(SCRIPTS)},
        )
        wait_for(lambda: len(library.events("create")) == 2)
        wait_for(lambda: _submitted(library) == 2)
        process.kill()
        process.wait()
        said(library, SCRIPT, *BOTH, "--sample", "2")
        assert len(library.events("create")) == 2
        assert set(library.inferences().values()) == {2}
        assert library.ledger("SELECT outcome FROM run ORDER BY id") == [(None,), ("ok",)]


def _submitted(library: Library) -> int:
    return len(library.ledger("SELECT id FROM batch WHERE status = 'submitted'"))


def test_a_refusal_ends_both_sides(tmp_path: Path) -> None:
    faults = ["http-error:call=create,code=400,times=1"]
    with Library(tmp_path, BOOKS, embedded={"faults": faults}) as library:
        _, err = run(library, *BOTH, "--sample", "2", code=5)
        assert "Gemini refused creating the batch" in err
        assert library.ledger("SELECT outcome FROM run") == [("failed",)]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--a", "v1", "--b", "v1", "--sample", "1"), 2, "the same text"),
        (("--a", "v1", "--b", "v3", "--sample", "1"), 2, "Its versions: v1.jinja, v1.1.jinja"),
        ((*BOTH, "--pages", "Ohio:Elm School:1850:9"), 3, "There is no page"),
    ],
)
def test_mistakes_are_told_and_cost_nothing(
    tmp_path: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    with Library(tmp_path, BOOKS) as library:
        assert words in run(library, *arguments, code=code)[1]
        assert not (library.state / "embedded").exists()


def test_it_waits_for_nobody_while_a_run_is_going_on(tmp_path: Path) -> None:
    with Library(tmp_path, BOOKS) as library, take_lock(library.state):
        _, err = run(library, *BOTH, "--sample", "1", code=4)
        assert "Another run is using" in err


@pytest.mark.parametrize("trouble", ["down", "broken"])
def test_trouble_at_braintrust_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    with Library(tmp_path, BOOKS) as library, Experiments() as braintrust:
        for name, value in braintrust.environment.items():
            monkeypatch.setenv(name, value)
        if trouble == "down":
            braintrust.stop()
        braintrust.trouble = lambda rows: "500"
        out, err = run(library, *BOTH, "--sample", "1")
        assert "Side by side, with the images:" in out
        [line] = [line for line in err.splitlines() if line.startswith("Braintrust")]
        assert line.startswith("Braintrust: no experiment (")
        assert KEY_OF_BRAINTRUST not in line
