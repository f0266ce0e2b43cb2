"""Jobs on other machines, without a cluster: what they do there, and the end of orphans.

tests/cluster does the same on a real Slurm, where there can be one.
"""

import json
import shutil
import threading
from pathlib import Path

import pytest

from helpers.library import Library
from helpers.scan_files import page_of, save
from pagewave.config.settings import load_settings
from pagewave.errors import DataError, PagewaveError
from pagewave.ledger.lock import take_lock
from pagewave.pages.dataset import Book, scan
from pagewave.pages.prepared import PreparedImages
from pagewave.workflow.cluster.images import PAGES_A_JOB, handfuls, make_and_report, take_over
from pagewave.workflow.cluster.orphans import (
    ANNOUNCED,
    LEFT_BEHIND,
    Announcement,
    announce,
    announced,
    end_orphans,
    withdraw,
)
from pagewave.workspace import JOBS

TIFF, PLAIN = "Ohio/Tiff/1853", "Ohio/Plain/1854"
RUN = "20261124T000000Z"
REMOTE = ("--mode", "remote", "--no-hooks", "--force", "--cores", "1")
"""How an executor starts a job on another machine."""


def told(state_dir: Path, *books: str) -> Announcement:
    """What a head over this state folder announces, with one job for the images of these books."""
    state = str(state_dir.resolve())
    return Announcement(state_dir=state, slurm_name="pagewave_1", image_jobs=[[*books]])


# On the other machine


@pytest.mark.slow
def test_jobs_elsewhere_need_neither_ledger_nor_key(tmp_path: Path) -> None:
    with Library(tmp_path, {PLAIN: 2}, filters={"labels": "all"}) as library:
        save(tmp_path / "images" / TIFF / "1-2.tif", [page_of(1), page_of(2)])
        library.run()
        book_files = [*(tmp_path / "results/books" / TIFF).iterdir()]
        contents = {file: file.read_bytes() for file in book_files}
        assert {file.name for file in book_files} == {"book.json", "text.txt"}
        facts = f"logs/waves/{RUN}/jobs/facts/{TIFF}.json"
        library.run(facts)  # as the head does for such jobs

        for file in book_files:
            file.unlink()
        library.state.rename(tmp_path / "elsewhere")
        shutil.rmtree(tmp_path / "results/images")
        library.config["engine"] = "gemini"
        library.configure()
        library.environment = {"PAGEWAVE_RUN": RUN}
        folder = tmp_path / "logs/waves" / RUN
        report = f"logs/waves/{RUN}/jobs/images0.json"
        output = library.run(report, *REMOTE, code=1)
        assert "the run that wanted this job is over" in output
        assert not (tmp_path / report).exists() and not (tmp_path / "results/images").exists()

        announce(folder, told(library.state, TIFF))
        library.run(report, *REMOTE)
        assert set(json.loads((tmp_path / report).read_text())) == {TIFF}
        assert len([*(tmp_path / "results/images" / TIFF).glob("*.jpg")]) == 2
        library.run(f"results/books/{TIFF}/book.json", *REMOTE)
        assert {file: file.read_bytes() for file in book_files} == contents
        library.config["exports"] = ["csv"]
        library.configure()
        library.run("results/exports/csv/pages.csv", *REMOTE)
        assert (tmp_path / "results/exports/csv/courses.csv").exists()
        library.configure(site={"enabled": True})
        library.run(f"results/site/{TIFF}/.pagewave.json", *REMOTE)
        assert len([*(tmp_path / "results/site" / TIFF).glob("images/*-small.webp")]) == 2
        assert not library.state.exists()


def test_a_broken_scan_fails_its_own_page_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("A", "B"):
        save(Path("images/Ohio", name, "1852/1.tif"), [page_of(name)])
    config = {"paths": {"image_source_dir": "images"}, "filters": {"labels": "all"}}
    settings = load_settings(config, tmp_path)
    prepared, books = PreparedImages(settings), scan(settings).books
    assert all(prepared.needs_image(page) for book in books for page in book.pages)
    broken = books[0].pages[0].scan
    broken.write_bytes(broken.read_bytes()[:-2000])
    make_and_report(prepared, books, Path("report.json"), threading.Event())
    take_over(prepared, books[0], Path("report.json"))
    with pytest.raises(DataError, match=r"A/1852/1\.tif, page 1: cannot be read"):
        prepared.inspect(books[0].pages[0])
    take_over(prepared, books[1], Path("report.json"))
    assert prepared.is_ready(books[1].pages[0])
    with pytest.raises(PagewaveError, match="Run the same command again"):
        take_over(prepared, books[1], Path("gone.json"))


def test_a_job_takes_books_until_it_has_enough_pages() -> None:
    def book(number: int, pages: int) -> Book:
        return Book(("Ohio", "A", str(number)), (None,) * pages)  # type: ignore[arg-type]

    small, large = PAGES_A_JOB // 2, PAGES_A_JOB
    books = [book(1, large), book(2, small), book(3, small), book(4, small)]
    assert handfuls(books) == [["Ohio/A/1"], ["Ohio/A/2", "Ohio/A/3"], ["Ohio/A/4"]]
    assert handfuls([]) == []


# Orphans


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Commands that play a Slurm with one job, 7; the folder has `jobs` and what was `said`."""
    folder = tmp_path / "slurm"
    folder.mkdir()
    (folder / "jobs").write_text("7\n")
    scripts = {
        "squeue": f'echo "squeue $*" >> {folder}/said; cat {folder}/jobs',
        "scancel": f'echo "scancel $*" >> {folder}/said; : > {folder}/jobs',
    }
    for name, script in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def test_jobs_of_a_head_that_died_are_ended(
    tmp_path: Path, slurm: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs, state = tmp_path / "waves", tmp_path / "state"
    announce(runs / RUN, told(state))
    announce(runs / "other", told(tmp_path / "other-state"))
    assert announced(runs / RUN) == told(state)

    with take_lock(state):  # its head is alive
        end_orphans(runs, state)
    assert not (slurm / "said").exists()

    end_orphans(runs, state)
    assert "ending 1 Slurm jobs of a run that died (7)" in capsys.readouterr().err
    said = (slurm / "said").read_text().splitlines()
    assert said[0].endswith("--name pagewave_1") and said[0].startswith("squeue")
    assert said[1] == "scancel --name pagewave_1"
    with pytest.raises(PagewaveError, match="is over"):
        announced(runs / RUN)
    assert not list((runs / RUN).iterdir())
    assert announced(runs / "other").slurm_name == "pagewave_1"

    end_orphans(runs, state)
    assert (slurm / "said").read_text().splitlines() == said
    withdraw(runs / "other")
    withdraw(runs / "other")


def test_no_run_begins_while_orphans_may_still_write(tmp_path: Path, slurm: Path) -> None:
    with Library(tmp_path, {PLAIN: 1}) as library:
        folder = tmp_path / "logs/waves" / RUN
        announce(folder, told(library.state))
        good = (slurm / "squeue").read_text()
        (slurm / "squeue").write_text("#!/bin/sh\necho 'slurmctld is not there' >&2; exit 1\n")
        library.run("-n")
        assert (folder / JOBS / ANNOUNCED).exists()
        output = library.run(code=1)
        assert "can't be ended: slurmctld is not there" in output
        assert "Traceback" not in output
        assert not library.inferences()
        assert [path.name for path in folder.iterdir()] == [LEFT_BEHIND]
        (slurm / "squeue").write_text(good)
        assert "ending 1 Slurm jobs" in library.run()
        assert not list(folder.iterdir())
