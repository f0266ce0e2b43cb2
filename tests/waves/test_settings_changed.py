"""The settings change between a stop and the next run: what is in flight is paid for already."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.embedded_process import EmbeddedProcess, wait_for
from helpers.hand_edits import edit
from helpers.library import REPO, Library
from helpers.playing import Player, in_one_process
from helpers.reading import QUICK, Reading
from pagewave.plan.in_flight import asked_otherwise
from pagewave.plan.targets import Command
from pagewave.workspace import Workspace

BOOKS = {"Elm/1850": 2}
CHANGES: dict[str, dict[str, Any]] = {
    "model": {"model": {"name": "gemini-2.5-pro"}},
    "temperature": {"model": {"generation_config": {"temperature": 0.9}}},
    "template": {"prompt": {"template_file": "v1.jinja"}},
}


def stopped(reading: Reading, server: EmbeddedProcess, *, has_ended: bool = False) -> None:
    """A run that was stopped while its first batch went on, or had just ended."""
    server.set_faults([] if has_ended else ["batch-hold:times=1,seconds=1"])
    with reading.crash_in("pagewave.waves.batch_road.collect"):
        reading.run()
    assert len(reading.creates()) == 1
    if has_ended:
        name = reading.creates()[0]["batch"]
        wait_for(lambda: name in [event["batch"] for event in server.log("finish")])


def take_in_the_first(reading: Reading, server: EmbeddedProcess) -> None:
    """What the stopped run had sent is taken in by a later one, though no page waits for it."""
    name = reading.creates()[0]["batch"]
    wait_for(lambda: name in [event["batch"] for event in server.log("finish")])
    reading.run()


@pytest.mark.parametrize("has_ended", [False, True])
@pytest.mark.parametrize("change", CHANGES)
def test_what_is_in_flight_is_taken_with_its_own_provenance(
    tmp_path: Path, quiet_server: EmbeddedProcess, change: str, has_ended: bool
) -> None:
    reading = Reading(tmp_path, quiet_server, BOOKS)
    stopped(reading, quiet_server, has_ended=has_ended)
    model, prompt = reading.session.settings.model.name, reading.session.prompt.sha256
    reading.library.configure(**CHANGES[change])
    reading.run()
    reading.check()
    assert set(reading.inferences().values()) == {1}
    assert len(reading.creates()) == 2
    origins = reading.session.ledger.files.origins()
    first, second = (origins[key] for key in reading.keys)
    assert (first.model, first.prompt_sha256) == (model, prompt)
    now = (reading.session.settings.model.name, reading.session.prompt.sha256)
    assert (second.model, second.prompt_sha256) == now
    configs = reading.query("SELECT generation_config FROM record ORDER BY batch_id")
    assert (configs[0] != configs[1]) == (change == "temperature")


@pytest.mark.parametrize("where", ["batch_road.outcomes_of", "wave._write_manifest"])
def test_an_answer_that_came_before_the_settings_changed_is_taken(
    tmp_path: Path, quiet_server: EmbeddedProcess, where: str
) -> None:
    """The run ended after it had taken the batch in, and before any page had its answer."""
    reading = Reading(tmp_path, quiet_server, BOOKS)
    with reading.crash_in(f"pagewave.waves.{where}"):
        reading.run()
    assert reading.batches() == [("collected", "SUCCEEDED")]
    reading.library.configure(**CHANGES["model"])
    reading.run()
    reading.check()
    assert set(reading.inferences().values()) == {1}


def test_a_page_that_had_its_answer_is_asked_anew_without_its_file(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    """Who deletes a page and changes the model wants it read by that model."""
    reading = Reading(tmp_path, quiet_server, BOOKS)
    reading.run()
    for key in reading.keys:
        reading.library.page_file(key).unlink()
    reading.library.configure(**CHANGES["model"])
    reading.run()
    reading.check()
    assert set(reading.inferences().values()) == {2}


def test_what_is_in_flight_is_replaced_where_the_configuration_says_so(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, BOOKS)
    stopped(reading, quiet_server)
    reading.library.configure(**CHANGES["model"], execution={"in_flight": "replace"})
    reading.run()
    take_in_the_first(reading, quiet_server)
    reading.check()
    assert reading.inferences()[reading.keys[0]] == 2
    assert reading.session.ledger.files.origins()[reading.keys[0]].model == "gemini-2.5-pro"


def test_an_answer_that_is_no_good_is_asked_for_with_the_settings_of_today(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 1})
    quiet_server.set_faults([f"blocked:match={tmp_path.name},times=1"])
    with reading.crash_in("pagewave.waves.batch_road.collect"):
        reading.run()
    reading.library.configure(**CHANGES["model"])
    reading.run()
    reading.check()
    assert reading.error_types() == {"Blocked": 1}
    assert reading.query("SELECT model FROM batch ORDER BY id")[1] == ("gemini-2.5-pro",)


def test_another_image_is_not_answered_by_what_is_in_flight(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 1})
    stopped(reading, quiet_server)
    reading.library.add_page(f"{reading.state}/Elm/1850", 1, seed="another")
    reading.library.configure(**CHANGES["model"])
    reading.run()
    take_in_the_first(reading, quiet_server)
    reading.check()
    scan = reading.image_sha256(reading.library.image(reading.keys[0]))
    assert reading.session.ledger.files.origins()[reading.keys[0]].image_sha256 == scan


@pytest.fixture
def player(tmp_path: Path) -> Iterator[Player]:
    """A book of two pages, and a server of its own."""
    with in_one_process(), EmbeddedProcess(tmp_path / "server", "--file-seconds", "0") as server:
        yield Player(Library(tmp_path, {"Ohio/Elm/1850": 2}, **QUICK), server)


def test_a_forced_page_is_asked_anew_with_the_settings_of_today(player: Player) -> None:
    assert player.play(crash_at="name-stored") == "crashed"
    player.library.configure(**CHANGES["model"])
    assert player.play(Command(force_all=True)) == "ok"
    models = "SELECT a.key, b.model FROM page p JOIN attempt a ON a.id = p.attempt_id"
    models += " JOIN batch b ON b.id = a.batch_id ORDER BY a.key"
    assert {model for _, model in player.library.ledger(models)} == {"gemini-2.5-pro"}


# What is said


def told(reading: Reading) -> list[tuple[str, int, bool]]:
    """What is in flight with other settings, now that the configuration is what it is."""
    session = reading._new_session()
    workspace = Workspace(session.settings, session.dataset, session.ledger, session.prompt)
    found = asked_otherwise(workspace, set(reading.keys))
    assert all(other.usd for other in found)
    return [(other.made_with, other.pages, other.is_taken) for other in found]


def test_it_is_told_how_much_is_in_flight_with_other_settings(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 2, "Oak/1850": 1})
    stopped(reading, quiet_server)
    assert told(reading) == []
    reading.library.configure(**CHANGES["temperature"])
    what = "gemini-2.5-flash, page_ocr/v1.1.jinja"
    assert told(reading) == [(what, 2, True)]
    reading.library.configure(execution={"in_flight": "replace"})
    assert told(reading) == [(what, 2, False)]


def test_the_dry_run_and_the_run_say_so(tmp_path: Path) -> None:
    embedded = {"faults": ["batch-hold:times=1,seconds=3"]}
    with Library(tmp_path, {"Ohio/Elm/1850": 2}, embedded=embedded) as library:
        head = library.start()
        head.wait_for_create(library)
        wait_for(lambda: library.ledger("SELECT 1 FROM batch WHERE status = 'submitted'"))
        head.kill()
        library.configure(**CHANGES["model"])
        words = "1 page is in flight, asked with other settings (gemini-2.5-flash, page_ocr/"
        for output in (library.run("-n"), library.run()):
            assert words in output
            assert "USD at Gemini). The answers are taken (execution.in_flight: collect)" in output
        assert library.inferences() == {"Ohio:Elm:1850:1": 1, "Ohio:Elm:1850:2": 1}


def test_the_templates_of_these_tests_are_there() -> None:
    assert (REPO / "prompts/page_ocr/v1.jinja").exists()


@pytest.mark.parametrize("has_ended", [False, True])
def test_a_correction_of_the_page_before_is_no_change_of_settings(
    tmp_path: Path, quiet_server: EmbeddedProcess, has_ended: bool
) -> None:
    """What is in flight behind it is not asked anew, also where other settings are."""
    in_flight = {"in_flight": "replace"}
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 1}, execution=in_flight)
    reading.run()
    reading.library.add_page(f"{reading.state}/Elm/1850", 2)
    quiet_server.set_faults([] if has_ended else ["batch-hold:times=1,seconds=1"])
    with reading.crash_in("pagewave.waves.batch_road.collect"):
        reading.run()
    if has_ended:
        name = reading.creates()[1]["batch"]
        wait_for(lambda: name in [event["batch"] for event in quiet_server.log("finish")])
    edit(reading.library, reading.key("Elm/1850", 1))
    reading.run()
    assert set(reading.inferences().values()) == {1}
    assert reading.attempts() == reading.inferences()


def test_where_the_scan_is_another_one_too_it_is_told_that_the_page_is_sent_again(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 1, "Oak/1850": 1})
    stopped(reading, quiet_server)
    reading.library.configure(**CHANGES["model"])
    reading.library.add_page(f"{reading.state}/Elm/1850", 1, seed="another")
    told = asked_otherwise(reading._new_session(), set(reading.keys))
    assert [(each.pages, each.is_taken) for each in told] == [(1, False), (1, True)]
