"""What the monitor serves, and to whom: calls to the real process, over ledgers made by hand."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.command_calls import main_of
from helpers.library import Library
from helpers.monitor_process import MonitorProcess
from pagewave.ledger import FailureRow, Ledger, MemberOutcome, Record
from pagewave.ledger.answers import Attempt
from pagewave.plan.schedule import plan

BOOKS = {"Ohio/Ash Grove/1852": 2, "Vermont/Linden/1866": 1}
ASH = ["Ohio:Ash Grove:1852:1", "Ohio:Ash Grove:1852:2"]
LINDEN = "Vermont:Linden:1866:1"


def begin_run(ledger: Ledger, run: str = "r1", engine: str = "embedded", model: str = "m") -> None:
    """A run over the books, of which one batch is at the service."""
    ledger.runs.start(run, engine, "gemini-2.5-flash", plan([ASH, [LINDEN]], 10), [])
    ledger.files.add_prompt(
        "p", "page_ocr", "v1.jinja", "Read. {{ previous_context or 'No page.' }}"
    )
    records = [
        Record(key, f"f{key}", 1, None, '{"temperature": 0.1}', "1.jpg", "abc")
        for key in (ASH[0], LINDEN)
    ]
    batch = ledger.batches.add_intent("b-" + run, engine, model, "p", run, 1, 1, records)
    ledger.batches.mark_submitted(batch.id, f"batches/{run}")


def end_wave(ledger: Ledger, run: str = "r1") -> None:
    """That batch is collected: one page is read, one is a dead letter."""
    (batch,) = ledger.batches.open("embedded")
    lines = [(ASH[0], b'{"key": "a"}'), (LINDEN, b'{"key": "l", "error": {"code": 13}}')]
    ledger.answers.store_lines(batch.id, lines)
    attempt = Attempt(ASH[0], 1, f"f{ASH[0]}", '{"x": 1}', "STOP", 10, 5, 2, 0, 0.25)
    failures = [
        FailureRow(LINDEN, number, True, "APIError", "the service failed", "trace", "raw Words")
        for number in (1, 2, 3)
    ]
    ledger.answers.commit(batch.id, "SUCCEEDED", None, [attempt], failures)
    outcomes = [
        MemberOutcome(ASH[0], "read", False, None),
        MemberOutcome(LINDEN, "dead", False, None),
    ]
    ledger.runs.close_wave(run, 1, 1, batch.intent_at, outcomes)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Books, and a ledger with a run whose first wave ended."""
    made = Library(tmp_path_factory.mktemp("monitor"), BOOKS)
    ledger = Ledger.open(made.state / "ledger.sqlite")
    begin_run(ledger)
    end_wave(ledger)
    ledger.close()
    return made


@pytest.fixture(scope="module")
def monitor(library: Library) -> Iterator[MonitorProcess]:
    """A monitor of it."""
    with MonitorProcess(library.root) as running:
        yield running


PATHS = ("/", "/page.js", "/events", "/failures", "/page?key=x", f"/image?key={LINDEN}", "/none")


@pytest.mark.parametrize("path", PATHS)
def test_without_the_token_nothing_is_served(monitor: MonitorProcess, path: str) -> None:
    wrong = {"cookie": f"pagewave-monitor-{monitor.base.rpartition(':')[2]}=guess"}
    other = {"cookie": f"pagewave-monitor-1={monitor.token}"}
    for headers in ({}, wrong, other):
        reply = monitor.request(path, **headers)
        assert reply.status_code == 401
        assert "the address that the monitor printed" in reply.text
        assert_strict(reply.headers)
    assert monitor.request(f"{path}{'&' if '?' in path else '?'}token=é").status_code == 401


def assert_strict(headers: Any) -> None:
    """No script from elsewhere or inside of the page; nothing stays in a cache."""
    policy = dict(
        part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"


def test_the_token_becomes_a_cookie(monitor: MonitorProcess) -> None:
    reply = monitor.request(f"/?token={monitor.token}")
    assert reply.status_code == 200
    assert_strict(reply.headers)
    name, *attributes = reply.headers["set-cookie"].split("; ")
    assert name.endswith(f"={monitor.token}")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(attributes)
    assert "set-cookie" not in monitor.request("/?token=wrong").headers
    assert len(monitor.token) >= 32
    assert monitor.request("/none", cookie=name).status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "evil.example:80"},
        {"host": "127.0.0.1.evil.example"},
        {"host": "127.0.0.1:evil.example"},
        {"host": "localhost:80@evil.example"},
        {"host": "localhost:"},
        {"host": ""},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"origin": "http://localhost"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"},
        {"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"},
    ],
)
def test_other_websites_are_refused_even_with_the_token(
    monitor: MonitorProcess, headers: dict[str, str]
) -> None:
    for path in ("/", "/events", "/failures", f"/image?key={LINDEN}&x=1"):
        reply = monitor.request(
            f"{path}{'&' if '?' in path else '?'}token={monitor.token}", **headers
        )
        assert reply.status_code == 403
        assert_strict(reply.headers)


def test_our_own_page_and_a_tunnel_are_let_in(monitor: MonitorProcess) -> None:
    for host in (monitor.base.removeprefix("http://"), "localhost:9000"):
        path = f"/failures?token={monitor.token}"
        headers = {"host": host, "origin": f"http://{host}", "sec-fetch-site": "same-origin"}
        assert monitor.request(path, **headers).status_code == 200
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        path = f"/failures?token={monitor.token}"
        assert monitor.request(path, method, origin=monitor.base).status_code == 405
        assert monitor.request(path, method).status_code == 403  # every browser names its page


def test_beyond_this_machine_it_answers_to_allowed_names_alone(library: Library) -> None:
    """As in a container: it listens at all addresses, and a port of the host leads to it."""
    options = ("--host", "0.0.0.0", "--allowed-hosts", "Books.example.org", "localhost")
    with MonitorProcess(library.root, *options) as open_monitor:
        assert open_monitor.base.startswith("http://books.example.org:")
        assert "plain HTTP" in open_monitor.errors and "127.0.0.1" in open_monitor.errors
        open_monitor.base = f"http://127.0.0.1:{open_monitor.base.rpartition(':')[2]}"
        for host in ("books.example.org", "BOOKS.example.org:80", "localhost:9000", "127.0.0.1"):
            path = f"/failures?token={open_monitor.token}"
            assert open_monitor.request(path, host=host).status_code == 200
            assert open_monitor.request("/failures", host=host).status_code == 401
        for host in ("0.0.0.0", "evil.example", "example.org", "x.books.example.org", "[::1]"):
            assert open_monitor.request(path, host=host).status_code == 403


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--host", "0.0.0.0"], "--allowed-hosts NAME"),
        (["--host", "0.0.0.0", "--allowed-hosts", "*"], "* is no host's name"),
        (["--host", "0.0.0.0", "--allowed-hosts", "http://here"], "http://here is no host's name"),
        (["--host", "books.example"], "books.example is no address, such as"),
        (["--port", "99999"], "99999 is no port"),
    ],
)
def test_what_it_will_not_listen_to_is_told(
    options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main_of("monitor.py")(options)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_an_address_of_another_machine_is_one_message(
    library: Library, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--configfile", "config.yaml", "--host", "192.0.2.1", "--allowed-hosts", "x"]
    with contextlib.chdir(library.root):
        assert main_of("monitor.py")([*given, "--port", "0"]) == 1
    assert "192.0.2.1 is no address of this machine" in capsys.readouterr().err


def test_images_are_found_by_key_alone(monitor: MonitorProcess, library: Library) -> None:
    assert monitor.ask("/image", key=LINDEN) == library.image(LINDEN).read_bytes()
    for key in ("", "config.yaml", "../config.yaml", "Ohio:..:1852:1", "Vermont:Linden:1866:../1"):
        assert "There is no page" in monitor.ask("/image", code=404, key=key)["problem"]
    for path in ("/../config.yaml", "/%2e%2e/config.yaml", "/assets/../server.py", "/server.py"):
        assert monitor.request(f"{path}?token={monitor.token}").status_code == 404


def test_the_stream_tells_how_things_stand(monitor: MonitorProcess) -> None:
    with monitor.events() as messages:
        told = next(messages)
    assert (told["anew"], told["problem"], told["failures"]) == (
        True,
        None,
        {"all": 3, "uncleared": 3},
    )
    run = told["run"]
    assert (run["pages"], run["pages_read"], run["dead_letters"], run["pages_left"]) == (3, 1, 1, 1)
    assert run["records"] == {"sent": 2, "answered": 2, "valid": 1, "failed": 1}
    assert run["spent"] == {"usd": 0.25, "input_tokens": 10, "output_tokens": 7}
    assert told["state"].startswith("broken off")
    assert not told["goes_on"]
    assert [(w["lane"], w["number"], w["read"], w["dead"]) for w in told["waves"]] == [(1, 1, 1, 1)]
    (batch,) = told["batches"]
    assert (batch["name"], batch["records"], batch["answered"], batch["valid"]) == (
        "batches/r1",
        2,
        2,
        1,
    )


@pytest.mark.parametrize(("engine", "shown"), [("gemini", 2.5), ("embedded", None)])
def test_a_budget_is_shown_beside_what_costs_money(
    tmp_path: Path, engine: str, shown: float | None
) -> None:
    """With the embedded engine it is for trying, at prices that nobody pays."""
    tried = Library(tmp_path, BOOKS, execution={"max_cost_usd": 2.5})
    ledger = Ledger.open(tried.state / "ledger.sqlite")
    begin_run(ledger, engine=engine, model="gemini-2.5-flash")
    ledger.close()
    with MonitorProcess(tmp_path) as watching, watching.events() as events:
        assert next(events)["budget"] == {"run": shown, "all": None}


def test_failures_by_type_book_and_text(monitor: MonitorProcess, library: Library) -> None:
    found = monitor.ask("/failures", cleared="yes")
    assert (found["total"], found["kinds"], found["books"]) == (
        3,
        {"APIError": 3},
        ["Vermont/Linden/1866"],
    )
    for filters, total in [
        ({"error_type": "APIError", "book": "vermont/linden", "text": "SERVICE"}, 3),
        ({"text": "raw words"}, 3),
        ({"error_type": "Truncated"}, 0),
        ({"book": "Ohio"}, 0),
        ({"text": "%"}, 0),
    ]:
        assert monitor.ask("/failures", **filters)["total"] == total, filters
    (letter,) = found["dead_letters"]["letters"]
    assert (letter["key"], letter["failures"], letter["error_type"]) == (LINDEN, 3, "APIError")
    # What is said to clear them does.
    assert "/scripts/clear_failure_counts.py --configfile config.yaml " in letter["command"]
    arguments = [*letter["command"].split()[2:], "--dry-run"]
    with contextlib.chdir(library.root):
        assert main_of("clear_failure_counts.py")(arguments) == 0


def test_books_tell_how_each_page_stands_and_what_needs_a_person(monitor: MonitorProcess) -> None:
    with monitor.events() as messages:
        told = next(messages)
    assert told["books_anew"]
    assert [
        (b["folders"], b["name"], b["beside"], b["pages"], b["stand"]) for b in told["books"]
    ] == [
        (["Ohio", "Ash Grove", "1852"], "Ash Grove", ["Ohio", "1852"], [1, 2], "dw"),
        (["Vermont", "Linden", "1866"], "Linden", ["Vermont", "1866"], [1], "x"),
    ]
    broken, failed = told["needs"]
    assert "broke off" in broken["text"] and "snakemake" in broken["command"]
    assert failed["text"].startswith("1 page failed for good.")
    assert "clear_failure_counts.py" in failed["command"]
    assert failed["is_bad"]


def test_failures_that_healed_are_not_counted(tmp_path: Path) -> None:
    healing = Library(tmp_path, BOOKS)
    ledger = Ledger.open(healing.state / "ledger.sqlite")
    begin_run(ledger)
    end_wave(ledger)
    ledger.failures.clear([LINDEN])
    ledger.close()
    with MonitorProcess(tmp_path) as watching, watching.events() as events:
        told = next(events)
        assert told["failures"] == {"all": 3, "uncleared": 0}
        assert told["books"][1]["stand"] == "w"
        open_ones = watching.ask("/failures")
        assert (open_ones["total"], open_ones["kinds"], open_ones["books"]) == (0, {}, [])
        assert watching.ask("/failures", cleared="yes")["kinds"] == {"APIError": 3}


def test_a_run_opens_to_its_batches_and_a_batch_to_its_records(monitor: MonitorProcess) -> None:
    (run,) = monitor.ask("/runs")
    assert (run["id"], run["pages"], run["read"], run["dead"]) == ("r1", 3, 1, 1)
    assert (run["usd"], run["outcome"], run["batches"]) == (0.25, "broken off", 1)
    opened = monitor.ask("/run", id="r1")
    assert opened["run"]["id"] == "r1"
    assert opened["state"].startswith("broken off")
    (batch,) = opened["batches"]
    told = monitor.ask("/batch", id=str(batch["id"]))
    assert (told["name"], told["run_id"]) == ("batches/r1", "r1")
    assert [(r["key"], r["outcome"], r["reason"]) for r in told["members"]] == [
        (LINDEN, "failed", "APIError: the service failed"),
        (ASH[0], "read", ""),
    ]
    assert "no run nobody" in monitor.ask("/run", code=404, id="nobody")["problem"]
    for number in ("", "x", "-1", "1e9", "9" * 40, "999"):
        assert "batch" in monitor.ask("/batch", code=404, id=number)["problem"]


def test_the_history_of_a_page(monitor: MonitorProcess) -> None:
    page = monitor.ask("/page", key=LINDEN)
    (attempt,) = page["attempts"]
    assert attempt["prompt"] == "Read. No page."
    assert attempt["generation_config"] == {"temperature": 0.1}
    assert attempt["lines"] == ['{"key": "l", "error": {"code": 13}}']
    assert [f["message"] for f in attempt["failures"]] == ["the service failed"] * 3
    assert (page["image"]["width"], page["image"]["height"]) == (16, 16)
    (good,) = monitor.ask("/page", key=ASH[0])["attempts"]
    assert (good["good"], good["usd"], good["output_tokens"]) == (True, 0.25, 5)
    # It is of no page model that is here: it is shown as it came.
    assert good["on_file"] is False
    reading = monitor.ask("/page", key=ASH[0])["reading"]
    content = {"corrected": False, "flags": []}
    assert reading == {"content": content, "tables": [], "raw": '{"x": 1}'}
    assert page["reading"] is None
    nothing = monitor.ask("/page", key="Ohio:nobody:1852:1")
    assert nothing["attempts"] == []
    assert "There is no page" in nothing["image"]["problem"]
    assert monitor.ask("/keys", text="linden") == [LINDEN]


def test_it_tells_what_changed_before_there_is_a_ledger_and_after_it_is_another(
    tmp_path: Path,
) -> None:
    library = Library(tmp_path, BOOKS)
    path = library.state / "ledger.sqlite"
    with MonitorProcess(tmp_path) as monitor, monitor.events() as messages:
        told = next(messages)
        assert (told["run"], told["problem"]) == (None, None)
        assert monitor.ask("/failures")["total"] == 0
        assert not library.state.exists()

        ledger = Ledger.open(path)
        begin_run(ledger)
        while (told := next(messages))["run"] is None or not told["batches"]:
            pass  # it may be seen half made: without a run, without its batch
        end_wave(ledger)
        changed = next(messages)
        while not changed["waves"]:
            changed = next(messages)
        assert not changed["anew"]
        assert len(changed["waves"]) == len(changed["batches"]) == 1
        ledger.runs.end("r1", "failed")
        while not (changed := next(messages))["run"]["ended_at"]:
            pass
        # Nothing of what it was told is told again.
        assert (changed["waves"], changed["batches"]) == ([], [])
        ledger.close()

        for file in path.parent.glob("ledger.sqlite*"):
            file.rename(file.with_name(f"old-{file.name}"))
        ledger = Ledger.open(path)
        begin_run(ledger, "r2")
        ledger.close()
        while (
            not (told := next(messages))["run"] or told["run"]["id"] != "r2" or not told["batches"]
        ):
            pass
        assert [batch["name"] for batch in told["batches"]] == ["batches/r2"]

        path.with_name(path.name + "-wal").unlink(missing_ok=True)
        path.write_bytes(b"this is no database" * 100)
        while not (told := next(messages))["problem"]:
            pass
        assert "The ledger is damaged" in told["problem"]
        assert "damaged" in monitor.ask("/failures", code=503)["problem"]
        assert monitor.interrupt() == (130, "")


def test_a_port_that_is_taken_is_one_message(
    library: Library, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, contextlib.chdir(library.root):
        port = taken.getsockname()[1]
        arguments = ["--configfile", "config.yaml", "--port", str(port)]
        assert main_of("monitor.py")(arguments) == 1
    said = capsys.readouterr().err
    assert f"Port {port} can't be used: Address already in use" in said
    assert "monitor.py --configfile config.yaml --port 0" in said


def test_without_a_configuration_it_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with contextlib.chdir(tmp_path):
        assert main_of("monitor.py")([]) == 2
    assert "config/config.yaml can't be read" in capsys.readouterr().err
