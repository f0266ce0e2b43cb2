"""analyze_failures.py and clear_failure_counts.py, over ledgers that real runs have written."""

import csv
import json
import re
import shutil
import sqlite3
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.command_calls import Operator, main_of
from helpers.library import Library
from pagewave.ledger import Ledger

DEAD = "Ohio:Elm: School:1850:2"
BLOCKED = "Québec:École [bold]X :book::1871:1"
BOOKS = {"Ohio/Elm: School/1850": 3, "Québec/École [bold]X :book:/1871": 1, "Ohio/Oak/1849": 1}
FAULTS = [f"record-error:match={DEAD}$", "blocked:match=1871:1$,times=1"]
ANALYZE, CLEAR = "analyze_failures.py", "clear_failure_counts.py"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """After a run with a dead letter, and a page that was read at its second attempt."""
    root = tmp_path_factory.mktemp("library")
    with Library(root, BOOKS, embedded={"reader": "echo", "faults": FAULTS}) as made:
        made.run(code=1)
        yield made


@pytest.fixture
def operator(
    library: Library, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Iterator[Operator]:
    """Commands over a copy of that run's ledger."""
    copy = tmp_path / "ledger.sqlite"
    with sqlite3.connect(library.state / "ledger.sqlite") as source:
        source.backup(sqlite3.connect(copy))
    yield Operator(copy, capsys)


# Options

OPTIONS = {
    ANALYZE: "--summary --by-error-type --by-state --by-school --by-level --page --export-csv "
    "--level --states --schools --year-start --year-end --limit --ledger",
    CLEAR: "--all --level --states --schools --year-start --year-end --page --dry-run --ledger",
    "nuke_database.py": "--dry-run --confirm --recreate-tables --force --ledger",
    "batches.py": "--all --live --cancel --reconcile --limit --ledger",
    "rebuild_ledger.py": "--dry-run --files-only",
    "status.py": "--watch --runs --run --batch --page --ledger",
    "flags.py": "--page --level --states --schools --year-start --year-end --ledger",
    "deliver_logs.py": "--status --parked --ledger",
    "plan.py": "--waves --page --probe --yes",
    "monitor.py": "--port --host --allowed-hosts",
    "try_prompt.py": "--page --template --truth",
    "compare_prompts.py": "--a --b --page --sample --seed --truth --html --yes",
    "pages.py": "--page --level --outdated --prompt-version --model --engine --older-than --states "
    "--schools --year-start --year-end --limit --csv --print0 --behind-corrections --served "
    "--other-picture",
    "models.py": "--markdown --fill-served --ledger",
}


COMMON = {"--help", "--configfile", "--config", "--section", "--json"}


@pytest.mark.parametrize("script", OPTIONS)
def test_help_names_every_option_and_nothing_else(
    script: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main_of(script)(["--help"])
    assert ended.value.code == 0
    options = capsys.readouterr().out.partition("options:")[2].partition("examples:")[0]
    named = set(re.findall(r"^  (?:-h, )?(--[a-z0-9-]+)", options, re.MULTILINE))
    assert named == COMMON | set(OPTIONS[script].split())


# Analyzing


def test_the_summary_is_the_default(operator: Operator) -> None:
    report = operator.json(ANALYZE)
    assert report == operator.json(ANALYZE, "--summary")
    summary = report["summary"]
    assert (summary["failures"], summary["uncleared"], summary["pages"]) == (4, 3, 2)
    assert summary["pages_read_since"] == 1
    (letter,) = summary["dead_letters"]
    assert (letter["key"], letter["failures"], letter["error_type"]) == (DEAD, 3, "APIError")
    assert [group["name"] for group in summary["by_error_type"]] == ["APIError", "Blocked"]
    shown = operator.run(ANALYZE)
    assert "4 failures of 2 pages, 3 of them not cleared" in shown
    assert "Dead letters: 1" in shown
    assert DEAD in shown


@pytest.mark.parametrize(
    ("by", "names"),
    [
        ("error-type", ["APIError", "Blocked"]),
        ("state", ["Ohio", "Québec"]),
        ("school", ["Ohio/Elm: School", "Québec/École [bold]X :book:"]),
    ],
)
def test_failures_are_grouped(operator: Operator, by: str, names: list[str]) -> None:
    groups = operator.json(ANALYZE, f"--by-{by}")[f"by_{by.replace('-', '_')}"]
    assert [group["name"] for group in groups] == names
    counts = [(g["failures"], g["uncleared"], g["pages"], g["dead_letters"]) for g in groups]
    assert counts == [(3, 3, 1, 1), (1, 0, 1, 0)]
    shown = operator.run(ANALYZE, f"--by-{by}")
    for name in names:
        assert name in shown  # what looks like markup is shown as it is


def test_several_views_at_once(operator: Operator) -> None:
    report = operator.json(ANALYZE, "--summary", "--by-state", "--by-school", "--by-error-type")
    assert set(report) == {"summary", "steps", "by_state", "by_school", "by_error_type"}


@pytest.mark.parametrize(
    ("options", "failures"),
    [
        (["--states", "Ohio"], 3),
        (["--states", "Ohio", "Québec"], 4),
        (["--states", unicodedata.normalize("NFD", "Québec")], 1),
        (["--states", "Ohio", "--year-end", "1849"], 0),
        (["--schools", "Elm: School", "--states", "Québec"], 0),
        (["--schools", "Elm: School"], 3),
        (["--year-start", "1851"], 1),
        (["--year-end", "1850"], 3),
    ],
)
def test_only_some_pages(operator: Operator, options: list[str], failures: int) -> None:
    assert operator.json(ANALYZE, *options)["summary"]["failures"] == failures


def test_limit(operator: Operator) -> None:
    assert len(operator.json(ANALYZE, "--by-state", "--limit", "1")["by_state"]) == 1
    assert "1 more" in operator.run(ANALYZE, "--by-state", "--limit", "1")
    (last,) = operator.json(ANALYZE, "--record-key", DEAD, "--limit", "1")["failures"]
    assert last["attempt_number"] == 3
    with pytest.raises(SystemExit):
        operator.run(ANALYZE, "--limit", "0")


def test_all_of_one_page(operator: Operator) -> None:
    failures = operator.json(ANALYZE, "--record-key", DEAD)["failures"]
    assert [failure["attempt_number"] for failure in failures] == [1, 2, 3]
    first = failures[0]
    assert first["error_type"] == "APIError"
    assert first["batch_id"].startswith("batches/")
    assert first["prompt_template"] == "v1.1.jinja"
    assert json.loads(first["generation_config"])["temperature"] == 0.1
    assert json.loads(failures[2]["generation_config"])["temperature"] == 0.8
    assert json.loads(first["raw_response_json"])["key"] == DEAD
    assert "Page Ohio:Elm: School:1850:1." in first["previous_context"]
    assert "_Refused" in first["error_traceback"]
    shown = operator.run(ANALYZE, "--record-key", DEAD)
    for number in (1, 2, 3):
        assert f"{DEAD}: attempt {number}, APIError" in shown
    assert ", cleared " in operator.run(ANALYZE, "--record-key", BLOCKED)


def test_a_page_without_failures_gets_a_hint(operator: Operator) -> None:
    shown = operator.run(ANALYZE, "--record-key", "Ohio:Elm School:1850:2", code=3)
    assert f"Did you mean {DEAD}?" in shown


def test_export(operator: Operator, tmp_path: Path) -> None:
    file = tmp_path / "failures.csv"
    assert "4 failures written" in operator.run(ANALYZE, "--export-csv", str(file))
    with file.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert [row["record_key"] for row in rows].count(DEAD) == 3
    dead = next(row for row in rows if row["record_key"] == DEAD)
    place = (dead["state"], dead["school"], dead["year"], dead["page"])
    assert place == ("Ohio", "Elm: School", "1850", "2")
    assert dead["cleared_at"] == ""
    assert "\n" in dead["error_traceback"]
    assert json.loads(dead["raw_response_json"])["key"] == DEAD

    options = ["--export-csv", str(file), "--schools", "Oak"]
    assert operator.json(ANALYZE, *options)["export"] == {"file": str(file), "failures": 0}
    assert file.read_text().startswith("id,record_key,")  # a header, even of nothing


def test_looking_changes_nothing(operator: Operator, tmp_path: Path) -> None:
    before = operator.ledger.read_bytes()
    operator.run(ANALYZE, "--summary", "--by-state", "--record-key", DEAD)
    operator.run(CLEAR, "--all", "--dry-run")
    assert operator.ledger.read_bytes() == before


@pytest.mark.parametrize("script", [ANALYZE, CLEAR, "batches.py", "nuke_database.py"])
def test_without_a_ledger(script: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--all"] if script == CLEAR else []
    operator = Operator(tmp_path / "none" / "ledger.sqlite", capsys)
    assert "there is no ledger here" in operator.run(script, *options, code=4)
    assert not operator.ledger.parent.exists()


def test_control_characters_never_reach_the_terminal(operator: Operator) -> None:
    with sqlite3.connect(operator.ledger) as ledger:
        ledger.execute("UPDATE failure SET message = ?, raw_text = ?", ["\x1b[31mred", "\x1b[2J"])
    for options in ([], ["--by-state"], ["--record-key", DEAD]):
        shown = operator.run(ANALYZE, *options)
        assert "red" in shown
        assert "\x1b" not in shown


# Clearing


@pytest.mark.parametrize(
    ("options", "cleared"),
    [
        (["--all"], True),
        (["--key", DEAD], True),
        (["--states", "Ohio", "--year-start", "1850", "--year-end", "1850"], True),
        (["--schools", "Elm: School"], True),
        (["--schools", "Oak"], False),
        (["--year-start", "1851"], False),
        (["--year-end", "1849"], False),
    ],
)
def test_failures_are_cleared(operator: Operator, options: list[str], cleared: bool) -> None:
    trial = operator.json(CLEAR, *options, "--dry-run")
    assert DEAD in Ledger.peek(operator.ledger).failures.counts("embedded")
    assert trial["dry_run"]
    assert [page["key"] for page in trial["pages"]] == [DEAD] * cleared
    assert operator.json(CLEAR, *options) == trial | {"dry_run": False}
    assert (DEAD not in Ledger.peek(operator.ledger).failures.counts("embedded")) == cleared
    assert operator.json(ANALYZE)["summary"]["failures"] == 4  # they happened all the same


@pytest.mark.parametrize("options", [[], ["--all", "--states", "Ohio"]])
def test_clearing_nothing_in_particular_is_refused(
    operator: Operator, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        operator.run(CLEAR, *options)
    assert ended.value.code == 2
    assert "say which pages" in capsys.readouterr().err


def test_clearing_a_page_without_failures_gets_a_hint(operator: Operator) -> None:
    shown = operator.run(CLEAR, "--key", DEAD, "--key", "Ohio:Elm: School:1850:3", code=3)
    assert f"Did you mean {DEAD}?" in shown
    assert DEAD in Ledger.peek(operator.ledger).failures.counts("embedded")


# Queries of old


SEED_COLUMNS = {
    "active_batches": "batch_id created_at updated_at status",
    "batch_record_keys": "batch_id record_key created_at",
    "inflight_records": "record_key batch_id created_at",
    "failure_counts": "record_key count last_updated",
    "failure_logs": "id record_key batch_id attempt_number error_type error_message "
    "error_traceback raw_response_text extracted_text raw_response_json model_name prompt_name "
    "prompt_template generation_config created_at",
}


@pytest.mark.parametrize("table", SEED_COLUMNS)
def test_the_prefect_application_s_tables_are_there(operator: Operator, table: str) -> None:
    with sqlite3.connect(operator.ledger) as ledger:
        found = ledger.execute(f"SELECT * FROM {table}").description
    assert [column[0] for column in found] == SEED_COLUMNS[table].split()


def test_queries_of_the_prefect_application_go_on_working(operator: Operator) -> None:
    with sqlite3.connect(operator.ledger) as ledger:

        def query(sql: str) -> list[tuple[object, ...]]:
            return ledger.execute(sql).fetchall()

        assert query("SELECT record_key, count FROM failure_counts WHERE count >= 3") == [(DEAD, 3)]
        kinds = "SELECT error_type, COUNT(*) AS n FROM failure_logs GROUP BY 1 ORDER BY n DESC"
        assert query(kinds) == [("APIError", 3), ("Blocked", 1)]
        assert query("SELECT batch_id FROM active_batches WHERE status = 'active'") == []
        assert query("SELECT COUNT(*) FROM active_batches WHERE status = 'completed'") == [(4,)]
        recent = "SELECT COUNT(*) FROM failure_logs WHERE created_at > datetime('now', '-1 hour')"
        assert query(recent) == [(4,)]
        assert query(recent.replace("-1 hour", "+1 hour")) == [(0,)]


# Once more with Snakemake; last, as it changes the library


def test_what_was_cleared_is_read_by_the_next_run(library: Library, tmp_path: Path) -> None:
    # A copy: the other tests may come later, in whatever order workers take them.
    shutil.copytree(library.root, tmp_path, dirs_exist_ok=True)
    with Library(tmp_path, {}) as cleared:
        cleared.command(CLEAR, "--key", DEAD)
        cleared.run()
        assert f"Page {DEAD}." in cleared.text(DEAD)
        assert cleared.book("Ohio/Elm: School/1850")["page_count"] == 3
        summary = json.loads(cleared.command(ANALYZE, "--json").stdout)["summary"]
    assert (summary["dead_letters"], summary["uncleared"], summary["failures"]) == ([], 0, 4)
