"""What is told before a cent is spent: the table of a dry run, and plan.py with the same one."""

import contextlib
import hashlib
import io
import json
import re
from pathlib import Path

import pytest

from helpers.command_calls import main_of, said
from helpers.known_pace import know_pace
from helpers.library import Library

ELM, OAK = "Ohio/Elm School/1850", "Vermont/Oak/1860"
KEY = "Ohio:Elm School:1850:2"
PLAN = "plan.py"


def printed(library: Library, *arguments: str, code: int = 0) -> str:
    """What plan.py prints for people."""
    given = ["--configfile", "config.yaml", *arguments]
    with contextlib.chdir(library.root), contextlib.redirect_stdout(io.StringIO()) as out:
        assert main_of(PLAN)(given) == code, out.getvalue()
    return out.getvalue()


def table_of(output: str) -> str:
    """The table in what was printed; there is one at most."""
    assert output.count("To be read") <= 1
    return output[output.find("┏") : output.rfind("┘") + 1]


def state_of(library: Library) -> list[tuple[str, str]]:
    """All files of the state folder by content, but what SQLite's readers leave: no content."""
    files = [f for f in library.state.rglob("*") if f.is_file() and f.suffix != ".sqlite-shm"]
    files = [f for f in files if f.suffix != ".sqlite-wal" or f.stat().st_size]
    return sorted((str(file), hashlib.sha256(file.read_bytes()).hexdigest()) for file in files)


@pytest.mark.slow
def test_a_plan_before_during_and_after(tmp_path: Path) -> None:
    dead = {"reader": "echo", "faults": [f"record-error:match={KEY}$"]}
    with Library(tmp_path, {ELM: 4, OAK: 2}, embedded=dead) as library:
        dry = library.run("-n", "--verbose")
        assert not library.state.exists()
        table = table_of(dry)
        assert table == table_of(printed(library))
        assert "6 to send" in table
        assert re.search(r"books\W+2 ", table)
        assert "4 in 1 lane, 4 with a batch; longest chain 4 pages" in table
        assert "4 batches one after another; not known until the first was collected" in table
        assert "USD at Gemini (free here)" in table and "as measured" not in table
        plan = said(library, PLAN)
        assert (plan["pages"], plan["to_send"], plan["steps"]) == (6, 6, 4)
        # The waves of the listing are what the table adds up.
        waves = re.findall(r"about ([\d,]+) tokens in, ([\d,]+) out", dry)
        sums = [sum(int(wave[i].replace(",", "")) for wave in waves) for i in (0, 1)]
        assert sums == [plan["by_rule"]["input_tokens"], plan["by_rule"]["output_tokens"]]

        output = library.run(code=1)
        assert "To be read" not in output
        assert "Spent (USD): nothing; at Gemini's prices 0.00" in output
        before = state_of(library)
        table = table_of(library.run("-n", code=0))
        assert state_of(library) == before
        assert table == table_of(printed(library))
        assert "none" in table and "1 not sent again; 2 pages wait for them" in table

        # All is read: nothing to be done.
        library.configure(embedded={"faults": []})
        library.command("clear_failure_counts.py", "--all")
        assert "3 to send" in printed(library)
        assert re.search(r"about \d+ s: 3 batches one after another", printed(library))
        library.run()
        dry = library.run("-n")
        assert "Nothing to be done" in dry and "none: all is read" in table_of(dry)

        # Sixteen pages make the measure.
        for number in range(5, 15):
            library.add_page(ELM, number)
        library.run()
        library.add_page(ELM, 15)
        plan = said(library, PLAN)
        assert plan["pages_measured"] == 16
        tokens = "SUM(prompt_tokens) / 16.0, SUM(output_tokens) / 16.0"
        mean_in, mean_out = library.ledger(f"SELECT {tokens} FROM attempt")[0]
        assert plan["measured"]["input_tokens"] == round(mean_in)
        assert plan["measured"]["output_tokens"] == round(mean_out)
        assert plan["by_rule"]["output_tokens"] > 5 * plan["measured"]["output_tokens"]
        table = table_of(library.run("-n"))
        assert "as measured (16 pages)" in table

        # Forced pages are not free, though they have stored answers; others are.
        assert "17 to send" in table_of(library.run("-n", "--forceall"))
        library.page_file("Vermont:Oak:1860:2").unlink()
        assert "2 (1 to send, 1 free from stored answers)" in printed(library)

        shown = printed(library, "--show", KEY)
        assert "Page Ohio:Elm School:1850:1." in shown
        assert "Told of the page before: the previous page's file." in shown
        assert (
            '"fileUri": "the image: its bytes inside, or uploaded before (files.images)"' in shown
        )
        shown = said(library, PLAN, "--show", KEY)
        sent = library.ledger(
            f"SELECT fingerprint, generation_config FROM record WHERE key = '{KEY}'"
            " ORDER BY batch_id DESC LIMIT 1"
        )[0]
        assert shown["fingerprint"] == sent[0]
        config = shown["request"]["generationConfig"]
        assert config.pop("responseSchema")["type"] == "OBJECT"
        assert config == json.loads(sent[1])
        assert shown["request"]["contents"][0]["parts"][0]["text"] == shown["prompt"]
        assert printed(library, "--show", "Ohio:None:1:1", code=3) == ""


def test_a_dry_run_by_configuration_ends_with_the_same_table(tmp_path: Path) -> None:
    with Library(tmp_path, {ELM: 2}, execution={"dry_run": True}) as library:
        output = library.run()
        assert table_of(output) == table_of(printed(library))
        assert output.rstrip().endswith("execution.dry_run is true: nothing was sent.")


@pytest.mark.parametrize("arguments", [["--dag"], ["--summary"], ["--lint"]])
def test_other_looks_print_no_table(tmp_path: Path, arguments: list[str]) -> None:
    with Library(tmp_path, {ELM: 1}) as library:
        _, output = library.start(*arguments).wait()
        assert "To be read" not in output


def test_a_mistake_in_the_data_set_is_told_as_in_a_run(tmp_path: Path) -> None:
    with Library(tmp_path, {ELM: 1}) as library:
        library.image("Ohio:Elm School:1850:1").write_bytes(b"no image")
        output = library.run("-n", code=3)
        assert "To be read" not in output
        assert printed(library, code=3) == ""


def test_time_is_told_by_documented_batch_times_until_batches_were_measured(tmp_path: Path) -> None:
    with Library(tmp_path, {ELM: 4}) as library:
        steps, google = "4 batches one after another", "at 24 h, which Google aims at, 4 d"
        gemini = ("--config", "engine=gemini")
        seen = printed(library, *gemini)
        assert f"{steps}: at 30 min a batch, as others saw, 2 h; {google}" in seen
        know_pace(library.state / "ledger.sqlite", batch=600, flex=20, engine="gemini")
        seen = printed(library, *gemini)
        assert f"about 40 min: {steps}, 10 min each as measured; {google}" in seen
