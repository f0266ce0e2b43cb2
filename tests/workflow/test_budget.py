"""Budgets, through the real command: at the limit nothing more is created, and none is exceeded."""

import time
from pathlib import Path
from typing import Any

import pytest

from helpers.command_calls import said
from helpers.library import REPO, Library
from pagewave.errors import BudgetReached
from pagewave.ledger import UNKNOWN, Ledger, Record

ELM, OAK = "Ohio/Elm School/1850", "Vermont/Oak/1860"
SHORT_ANSWERS = {"generation_config": {"max_output_tokens": 1000}}


def spent(library: Library) -> float:
    """What all attempts would cost at Gemini: 0.15 and 1.25 USD a million tokens."""
    sums = "SUM(prompt_tokens), SUM(output_tokens + thoughts_tokens)"
    tokens = library.ledger(f"SELECT {sums} FROM attempt")[0]
    return (tokens[0] * 0.15 + tokens[1] * 1.25) / 1e6


def held_for_a_page(library: Library) -> float:
    """What is held ready for a page at least."""
    return float(library.ledger("SELECT MIN(max_usd) FROM record")[0][0])


def statuses(library: Library) -> list[str]:
    """The statuses of all batches."""
    return [row[0] for row in library.ledger("SELECT status FROM batch ORDER BY id")]


def most_in_flight(library: Library) -> int:
    """How many batches the server had at the same time at most."""
    events = [("create", 1), ("finish", -1)]
    times = sorted((e["t"], step) for name, step in events for e in library.events(name))
    most = now = 0
    for _, step in times:
        now += step
        most = max(most, now)
    return most


def test_at_the_limit_nothing_more_is_sent_and_more_budget_goes_on(tmp_path: Path) -> None:
    execution: dict[str, Any] = {"max_cost_usd": 0.0048}
    with Library(tmp_path, {ELM: 5}, execution=execution, model=SHORT_ANSWERS) as library:
        dry = library.run("-n")
        assert "0.0048 USD left of 0.0048: may be reached before all is read" in dry
        output = library.run(code=8)
        assert "Traceback" not in output
        assert "execution.max_cost_usd is 0.0048 USD, of which 0.00" in output
        sent = len(library.events("create"))
        read = len(library.events("inference"))
        assert 0 < read < 5
        assert statuses(library) == ["collected"] * sent
        assert spent(library) <= 0.0048 < spent(library) + held_for_a_page(library)
        left = 5 - read
        assert f"Not sent for want of budget: {left} page{'s' * (left > 1)}, about 0.0" in output
        assert "raise the limit in the configuration and run the same command" in output
        # What was collected is written.
        assert len(list((tmp_path / "results/pages").rglob("[0-9]*.json"))) == read
        status = said(library, "status.py")
        assert status["outcome"] == "over budget"
        assert status["over_budget"].startswith("lane 1 wave ")
        assert status["budgets"][0]["spent"] == pytest.approx(spent(library))
        assert status["estimate"]["records"] == read

        # A budget for all runs, which is used up: the next run sends nothing at all.
        library.configure(execution={"max_cost_usd": None, "max_cost_usd_total": spent(library)})
        output = library.run(code=8)
        assert "execution.max_cost_usd_total is" in output
        assert len(library.events("create")) == sent
        # What has a stored answer is free and needs no budget.
        for page in (tmp_path / "results/pages").rglob("[0-9]*.json"):
            page.unlink()
        library.run(code=8)
        assert len(list((tmp_path / "results/pages").rglob("[0-9]*.json"))) == read
        assert len(library.events("create")) == sent

        library.configure(execution={"max_cost_usd_total": 1})
        assert "1.0000: enough" in library.run("-n")
        library.run()
        assert set(library.inferences().values()) == {1}
        assert library.has_book(ELM)


@pytest.mark.slow
@pytest.mark.parametrize("profile", [True, False])
def test_two_lanes_share_a_budget_that_holds_one_wave(tmp_path: Path, profile: bool) -> None:
    """Each answer costs a tenth of what is held for it: so the lanes wait for each other."""
    pages = 2 if profile else 1
    books = {ELM: pages, OAK: pages}
    execution = {"max_cost_usd": 0.0055, "batch_size_limit": 1}
    embedded = {"batch_seconds": 0.3}
    with Library(
        tmp_path, books, execution=execution, embedded=embedded, model=SHORT_ANSWERS
    ) as library:
        output = library.run(profile=profile)
        # Jobs of their own don't log to the terminal.
        assert "Waiting for what is in flight" in output or not profile
        assert len(library.events("create")) == 2 * pages
        assert most_in_flight(library) == 1
        assert 2 * held_for_a_page(library) > 0.0055
        assert spent(library) <= 0.0055


def test_what_a_crash_left_in_flight_is_counted_and_collected(tmp_path: Path) -> None:
    embedded = {"batch_seconds": 0.5}
    with Library(tmp_path, {ELM: 3, OAK: 1}, embedded=embedded, model=SHORT_ANSWERS) as library:
        library.crash("name-stored")
        limit = 2 * held_for_a_page(library) + 0.0001
        library.configure(execution={"max_cost_usd_total": limit})
        # A forced run asks anew, and would never wait for that batch by itself.
        output = library.run("-F", code=8)
        assert statuses(library)[0] == "collected"
        assert "execution.max_cost_usd_total is" in output
        assert spent(library) <= limit


def test_the_readmes_limit_holds_over_runs_that_are_killed_and_begun_again(tmp_path: Path) -> None:
    readme = (REPO / "README.md").read_text(encoding="utf-8")
    assert (
        "never spend more than 20 USD | `--config 'execution={max_cost_usd_total: 20}'`" in readme
    )
    faults = ["token-counts:prompt=1000,output=400"]
    price, limit = (1000 * 0.15 + 400 * 1.25) / 1e6, 0.006
    with Library(tmp_path, {ELM: 12}, embedded={"faults": faults}, model=SHORT_ANSWERS) as library:
        option = ("--config", f"execution={{max_cost_usd_total: {limit}}}")
        for _ in range(2):
            library.crash("page-written:2", *option)
        library.run(*option, code=8)
        counted = len(library.events("inference")) * price
        assert counted == pytest.approx(spent(library))
        assert counted <= limit < counted + held_for_a_page(library)
        # Each of three runs with a budget of its own would have had room for more.
        assert len(library.ledger("SELECT id FROM run")) == 3


def test_a_job_of_its_own_ends_with_the_same_code(tmp_path: Path) -> None:
    execution = {"max_cost_usd": 0.001}
    with Library(tmp_path, {ELM: 1}, execution=execution, model=SHORT_ANSWERS) as library:
        output = library.run(code=8, profile=False)
        assert "it might cost up to" in output
        assert not library.events("create")


def test_a_lost_create_call_is_not_tried_again_without_room_for_both(tmp_path: Path) -> None:
    """The batch that was not found may exist all the same, and cost as much as the next one."""
    faults = ["cut-before:call=create,times=1"]
    with Library(
        tmp_path,
        {ELM: 1},
        execution={"max_cost_usd": 0.006},
        embedded={"faults": faults},
        batch={"poll_interval_seconds": 0.05, "reconcile_seconds": 0.2},
        model=SHORT_ANSWERS,
    ) as library:
        output = library.run(code=8)
        assert "once more: not sent" in output
        assert library.ledger("SELECT status, state FROM batch") == [("abandoned", UNKNOWN)]


@pytest.mark.parametrize("key", ["max_cost_usd", "max_cost_usd_total"])
def test_a_budget_needs_a_price(tmp_path: Path, key: str) -> None:
    with Library(
        tmp_path, {ELM: 1}, execution={key: 5}, model={"name": "gemini-99-imaginary"}
    ) as library:
        output = library.run(code=2)
        assert f"execution.{key}: the price of gemini-99-imaginary is not known" in output
        assert "pricing.batch_usd_per_million_tokens" in output
        assert not list(tmp_path.rglob("log.jsonl"))


# What the ledger counts


def ledger_with(path: Path, **columns: Any) -> tuple[Ledger, int]:
    """A ledger with one batch of two records, of which the batch row is changed as told."""
    ledger = Ledger.open(path / "ledger.sqlite")
    ledger.files.add_prompt("p", "n", "t", "text")
    ledger.runs.start("r", "gemini", "m", [], [])
    records = [Record(k, k, 1, None, "{}", "i", "s", 10, 10, 0.01, 0.5) for k in ("a", "b")]
    batch = ledger.batches.add_intent("d", "gemini", "m", "p", "r", 1, 1, records)
    with ledger.transaction() as db:
        for name, value in columns.items():
            db.execute(f"UPDATE batch SET {name} = ?", (value,))
    return ledger, batch.id


@pytest.mark.parametrize(
    ("columns", "held"),
    [
        ({"status": "intent"}, 1.0),
        ({"status": "submitted", "name": "x"}, 1.0),
        ({"status": "abandoned"}, 0.0),
        ({"status": "abandoned", "state": "UNKNOWN"}, 1.0),
        ({"status": "abandoned", "state": "UNKNOWN", "intent_at": time.time() - 8e5}, 0.0),
        ({"status": "abandoned", "state": "LOST", "name": "x", "intent_at": 0.0}, 1.0),
        ({"status": "collected", "state": "FAILED"}, 0.0),
    ],
)
def test_what_may_have_been_paid_for_is_held(
    tmp_path: Path, columns: dict[str, Any], held: float
) -> None:
    ledger, _ = ledger_with(tmp_path, **columns)
    assert sum(cost.max_usd or 0 for cost in ledger.spending.costs("gemini")) == held
    assert ledger.spending.costs("gemini", "r") == ledger.spending.costs("gemini")
    assert ledger.spending.costs("gemini", "other") == ledger.spending.costs("embedded") == []


def test_an_answer_without_a_count_of_tokens_is_as_dear_as_can_be(tmp_path: Path) -> None:
    ledger, batch_id = ledger_with(tmp_path, status="collected")
    with ledger.transaction() as db:
        for key, tokens, usd in (("a", 100, 0.02), ("b", 0, 0.0)):
            db.execute(
                "INSERT INTO attempt (batch_id, key, number, fingerprint, ok, prompt_tokens,"
                " output_tokens, thoughts_tokens, usd, created_at)"
                " VALUES (?, ?, 1, ?, 0, ?, 7, 3, ?, 0)",
                (batch_id, key, key, tokens, usd),
            )
    costs = {cost.metered: cost for cost in ledger.spending.costs("gemini")}
    assert (costs[True].usd, costs[True].output_tokens) == (0.02, 10)
    assert costs[False].max_usd == 0.5


def test_the_exit_code_is_its_own() -> None:
    assert BudgetReached.exit_code == 8


def test_the_readme_names_it() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    assert "8 the budget" in readme
