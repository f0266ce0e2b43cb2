"""What makes a page be read again, and what never does."""

import contextlib
import os
import re
import shlex
import shutil
from collections import Counter
from pathlib import Path

import pytest

from helpers.embedded_process import EmbeddedProcess
from helpers.library import REPO, Library
from helpers.playing import Player, head_of, in_one_process
from helpers.reading import QUICK
from pagewave.plan.targets import Command

BOOK, OTHER = "Ohio/Ashgrove/1852", "Vermont/Linden/1866"
BOOKS = {BOOK: 3, OTHER: 2}
FIRST, SECOND, THIRD = (f"Ohio:Ashgrove:1852:{number}" for number in (1, 2, 3))
EVERY_PAGE = [FIRST, SECOND, THIRD, "Vermont:Linden:1866:1", "Vermont:Linden:1866:2"]
NOTHING = "Nothing to be done"


def listed_pages(output: str) -> set[str]:
    """The page jobs that Snakemake lists, with what stands behind the book."""
    return set(re.findall(r"Job \d+: page (.*)", output))


def test_another_engine_reads_every_page_again(tmp_path: Path) -> None:
    with (
        EmbeddedProcess(tmp_path / "gemini") as gemini,
        Library(tmp_path, BOOKS) as library,
    ):
        library.run()
        library.config["engine"] = "gemini"
        library.configure()
        library.environment = {
            "GOOGLE_GEMINI_BASE_URL": gemini.base_url,
            "GEMINI_API_KEY": gemini.token,
        }
        output = library.run("-n", "--verbose")
        assert "5 pages read again: the embedded engine read it before." in output
        pages = [f"{n} of {book}" for book, last in BOOKS.items() for n in range(1, last + 1)]
        assert listed_pages(output) == {f"{p} (the embedded engine read it before)" for p in pages}
        assert gemini.log("create") == []

        # A page as target takes what it needs, and no more.
        library.run(f"results/pages/{BOOK}/2.json")
        assert Counter(e["key"] for e in gemini.log("inference")) == Counter([FIRST, SECOND])
        library.run()
        assert Counter(e["key"] for e in gemini.log("inference")) == Counter(EVERY_PAGE)
        assert library.inferences() == Counter(EVERY_PAGE)
        for book in BOOKS:
            assert {p["provenance"]["engine"] for p in library.book(book)["pages"]} == {"gemini"}
        assert NOTHING in library.run("-n")


def test_a_changed_image_is_read_again(tmp_path: Path) -> None:
    with Library(tmp_path, BOOKS) as library:
        library.run()
        image = library.image(SECOND)
        times = image.stat()
        library.add_page(BOOK, 2, seed="another scan")
        os.utime(image, ns=(times.st_atime_ns, times.st_mtime_ns))  # as `cp -p` leaves it
        library.image(FIRST).touch()
        output = library.run("-n", "--verbose")
        assert listed_pages(output) == {f"2 of {BOOK} (its image was changed)"}
        library.run()
        assert library.inferences() == Counter([*EVERY_PAGE, SECOND])
        assert NOTHING in library.run()


def test_another_prompt_is_for_new_pages_and_the_run_says_so(tmp_path: Path) -> None:
    with Library(tmp_path, {BOOK: 2}, prompt={"template_file": "v1.jinja"}) as library:
        library.run()
        library.configure(prompt={"template_file": "v1.1.jinja"})
        library.add_page(BOOK, 3)
        output = library.run()
        assert "2 pages read before with another prompt or model (page_ocr/v1.jinja: 2)" in output
        assert library.inferences() == Counter([FIRST, SECOND, THIRD])
        prompts = [page["provenance"]["prompt_version"] for page in library.book(BOOK)["pages"]]
        assert prompts == ["v1", "v1", "v1.1"]

        output = library.run()
        assert NOTHING in output
        config = r"-s \S+ --configfile config.yaml --profile \S+/profiles/local"
        command = re.search(rf"To do it: \S*snakemake {config} (.*)", output)
        assert command
        library.run(*shlex.split(command[1]))
        assert library.inferences() == Counter([FIRST, SECOND, THIRD, FIRST, SECOND])
        # The answers say the same as before, but the book tells who gave them.
        assert "read before with another prompt" not in library.run()
        prompts = [page["provenance"]["prompt_version"] for page in library.book(BOOK)["pages"]]
        assert prompts == ["v1.1", "v1.1", "v1.1"]


@pytest.mark.slow
def test_edited_code_reads_nothing_again(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    for name in ("rules", "scripts", "profiles", "prompts"):
        shutil.copytree(REPO / name, project / name)
    shutil.copy(REPO / "Snakefile", project)
    with Library(tmp_path, BOOKS) as library:
        library.project = project
        library.environment = {"PYTHONPATH": str(project / "scripts")}
        library.run()
        for file in ("Snakefile", "rules/waves.smk", "scripts/pagewave/waves/wave.py"):
            assert (project / file).exists()
            with (project / file).open("a") as code:
                code.write("\n# a remark\n")
        assert NOTHING in library.run("-n")
        # Without our settings Snakemake makes pages again, but nobody reads them again.
        waves = project / "rules/waves.smk"
        edited = waves.read_text().replace("snake.job(RUN.write", "snake.job(  RUN.write")
        assert edited != waves.read_text()
        waves.write_text(edited)
        library.run(f"results/pages/{BOOK}/1.json", "--rerun-triggers", "code")
        assert library.inferences() == Counter(EVERY_PAGE)


def test_a_book_as_target_misses_its_pages(tmp_path: Path) -> None:
    with Library(tmp_path, BOOKS) as library:
        library.run()
        content = library.page_file(SECOND).read_bytes()
        library.page_file(SECOND).unlink()
        library.page_file(EVERY_PAGE[-1]).unlink()
        output = library.run(f"results/books/{BOOK}/book.json")
        assert "0 pages read, 1 from stored answers" in output
        assert library.page_file(SECOND).read_bytes() == content
        assert not library.page_file(EVERY_PAGE[-1]).exists()
        assert library.inferences() == Counter(EVERY_PAGE)


def test_a_forced_rebuild_that_was_killed_is_finished_and_paid_once(tmp_path: Path) -> None:
    with Library(tmp_path, BOOKS) as library:
        library.run()
        library.configure(embedded={"batch_seconds": 1.0})
        target = f"results/books/{BOOK}/book.json"
        head = library.start("-F", target)
        head.wait_for_create(library, 3 + 2)
        head.kill()
        library.configure(embedded={"batch_seconds": 0})
        assert "(forced by an earlier run)" in library.run("-n", "--verbose")
        library.run()
        assert library.inferences() == Counter([*EVERY_PAGE, FIRST, SECOND, THIRD])
        assert NOTHING in library.run()
        library.run("-F", target)
        assert library.inferences()[FIRST] == 3


def test_a_page_that_dies_when_read_again_keeps_its_answer(tmp_path: Path) -> None:
    with Library(tmp_path, BOOKS) as library:
        library.run()
        content = library.page_file(SECOND).read_bytes()
        library.configure(embedded={"faults": [f"record-error:match={SECOND}$"]})
        output = library.run("-F", f"results/books/{BOOK}/book.json", code=1)
        assert f"{SECOND} is a dead letter after 3 failures" in output
        assert library.page_file(SECOND).read_bytes() == content
        sent = library.events("create")
        assert f"{SECOND} is a dead letter" in library.run(code=1)
        assert library.events("create") == sent
        assert library.page_file(SECOND).read_bytes() == content


def test_a_dead_letter_is_read_if_it_is_forced(tmp_path: Path) -> None:
    fault = ("--fault", f"record-error:match={SECOND}$,times=1")
    with in_one_process(), EmbeddedProcess(tmp_path / "server", *fault) as server:
        library = Library(tmp_path, {BOOK: 3}, execution={"max_retries": 1}, **QUICK)
        player = Player(library, server)
        assert player.play() == "failed"
        file = str(library.page_file(SECOND))
        for command, chains, blocked in [
            (Command(), [], [SECOND, THIRD]),
            (Command(targets={file}), [], [SECOND]),
            (Command(targets={file}, force_targets=True), [[SECOND]], []),  # -f FILE
            (Command(forced={file}), [[SECOND, THIRD]], []),  # -R FILE
            (Command(forced={"page"}), [[FIRST, SECOND, THIRD]], []),  # -R page
            (Command(force_all=True), [[FIRST, SECOND, THIRD]], []),  # -F
        ]:
            assert demand_of(library, command) == (chains, blocked), command
        assert player.play(Command(targets={file}, force_targets=True)) == "ok"
        assert f"Page {SECOND}." in library.text(SECOND)
        assert demand_of(library, Command()) == ([[THIRD]], [])
        assert player.play() == "ok"
        assert f"Read after: {SECOND}" in library.text(THIRD)


def demand_of(library: Library, command: Command) -> tuple[list[list[str]], list[str]]:
    """The chains that a command is to read, and what is blocked."""
    with contextlib.chdir(library.root):
        head = head_of(library, command)
        found = head.plan.wanted
        head.session.ledger.close()
    return found.chains, found.blocked


@pytest.mark.parametrize("folder", ["results/pages", "{root}/results/pages"])
@pytest.mark.parametrize("target", ["{file}", "{root}/{file}", "./x/../{file}"])
def test_a_target_is_the_same_however_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, target: str
) -> None:
    library = Library(tmp_path, {BOOK: 2, OTHER: 1})
    library.configure(paths={"output_dir": folder.format(root=tmp_path)})
    monkeypatch.chdir(tmp_path)
    name = target.format(root=tmp_path, file=f"results/pages/{BOOK}/1.json")
    found = head_of(library, Command(targets={name})).plan.wanted
    assert found.chains == [[f"{BOOK.replace('/', ':')}:1"]]


ASHGROVE, LINDEN = [FIRST, SECOND, THIRD], ["Vermont:Linden:1866:1", "Vermont:Linden:1866:2"]


@pytest.mark.parametrize(
    ("targets", "chains"),
    [
        ([f"results/pages/{BOOK}/2.json"], [[FIRST, SECOND]]),  # what it needs, and no more
        ([f"results/books/{BOOK}/book.json"], [ASHGROVE]),
        ([f"results/exports/text/{BOOK}.txt"], [ASHGROVE]),
        (
            [f"results/books/{BOOK}/book.json", f"results/pages/{OTHER}/1.json"],
            [ASHGROVE, LINDEN[:1]],
        ),
        ([f"results/exports/text/{OTHER}.txt", f"results/pages/{BOOK}/1.json"], [[FIRST], LINDEN]),
        # A file that is of no book, or of one that is not there, may need any page.
        (["results/exports/catalog.csv"], [ASHGROVE, LINDEN]),
        (["results/exports/text/Ohio/Nowhere/1850.txt"], [ASHGROVE, LINDEN]),
        ([f"results/pages/{BOOK}/1.json", "another/file"], [ASHGROVE, LINDEN]),
        ([], [ASHGROVE, LINDEN]),
    ],
)
def test_a_target_takes_the_pages_that_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, targets: list[str], chains: list[list[str]]
) -> None:
    monkeypatch.chdir(tmp_path)
    library = Library(tmp_path, BOOKS)
    found = head_of(library, Command(targets=set(targets))).plan.wanted
    assert (found.chains, found.forced, found.blocked) == (chains, set(), [])
