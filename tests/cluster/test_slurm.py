"""The workflow on a real Slurm: what runs where, what fails, and heads that die.

The cluster (one_node.py) is up for all tests of this file. Jobs of Slurm take some five seconds to
start, so runs are shared between assertions.
"""

import contextlib
import csv
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from helpers.buckets import S3
from helpers.embedded_process import wait_for
from helpers.library import REPO, Head, Library
from helpers.one_node import OneNode, Unavailable, is_living, slurm
from helpers.sample import BOOK, SAMPLE, sample_library
from helpers.scan_files import page_of, save

if not find_spec("snakemake_executor_plugin_slurm"):  # its import takes long, in each worker
    pytest.skip("the extra `slurm` is not installed", allow_module_level=True)

QUICK = [str(REPO / "tests/helpers/quick_snakemake.py")]
TIFF, PLAIN, OTHER = "Ohio/Tiff/1853", "Ohio/Plain/1854", "Ohio/Other/1855"

ENDING = re.compile(r"ending \d+ Slurm jobs of a run that died")

Jobs = list[dict[str, str]]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OneNode]:
    """A Slurm that is up, or the reason why there is none; jobs find its folder `hidden` empty."""
    hidden = tmp_path_factory.mktemp("hidden")
    try:
        with OneNode(tmp_path_factory.mktemp("slurm"), hidden) as node:
            yield node
    except Unavailable as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="module")
def frozen(cluster: OneNode, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """A library whose only job for images stands still, in its minute of time.

    A minute is the least that Slurm grants: it passes while the other tests run.
    """
    root = tmp_path_factory.mktemp("frozen")
    with slurm_library(root, {}) as library:
        add_scans(library, pages=1)
        head = library.start("--set-resources", "images_elsewhere:runtime=attempt")
        job = wait_for_job(cluster, library, head, "images_elsewhere")
        freeze(job)
        yield library


def slurm_library(root: Path, books: dict[str, int], **sections: dict[str, Any]) -> Library:
    """A library whose jobs go to Slurm, and whose head looks often whether they ended."""
    library = Library(root, books, filters={"labels": "all"}, **sections)
    library.profile, library.program = "slurm", QUICK
    return library


def add_scans(library: Library, pages: int, size: tuple[int, int] = (120, 200)) -> None:
    """A book that is one TIFF: images must be made of it."""
    scan = library.root / "images" / TIFF / "scans.tif"
    save(scan, [page_of(number, size) for number in range(pages)])


def jobs_of(cluster: OneNode, library: Library, rule: str = "") -> Jobs:
    """The Slurm jobs of a library, oldest first; only those of a rule if it is given."""
    jobs = [job for job in cluster.jobs() if job["WorkDir"] == str(library.root)]
    return [job for job in jobs if job["Comment"].startswith(f"rule_{rule}")]


def wait_for_job(cluster: OneNode, library: Library, head: Head, rule: str) -> str:
    """The number of the head's first job of a rule, once it runs."""

    def running() -> list[str]:
        assert head.process.poll() is None, f"it ended too early:\n{head.output}"
        jobs = [job for job in jobs_of(cluster, library, rule) if job["JobName"] in head.output]
        return [job["JobId"] for job in jobs if job["JobState"] == "RUNNING"]

    wait_for(running)
    job = running()[0]
    wait_for(lambda: processes_of(job))
    return job


def processes_of(job: str) -> list[int]:
    """The process ids of a running Slurm job."""
    lines = slurm("scontrol", "listpids", job, check=False).splitlines()[1:]
    return [int(line.split()[0]) for line in lines if not line.startswith("-")]


def environments_of(job: str) -> list[bytes]:
    """Those of a running Slurm job's processes; the list of them may fail for a moment."""
    found: list[bytes] = []

    def look() -> list[bytes]:
        for process in processes_of(job):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                found.append(Path(f"/proc/{process}/environ").read_bytes())
        return found

    wait_for(look)
    return found


def freeze(job: str) -> None:
    """Lets a running Slurm job stand still; its time goes on.

    The list may fail for a moment, and lack what has only just begun: it is asked again until all
    that it names stands still. Then nobody is left who could begin something more.
    """

    def stands_still() -> bool:
        processes = processes_of(job)
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGSTOP)
        return any(map(is_script, processes)) and processes == processes_of(job)

    wait_for(stands_still)


def is_script(process: int) -> bool:
    """Whether a process is the script of its Slurm job, which ends last."""
    try:
        return b"slurm_script" in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False


def keys(book: str, *numbers: int) -> Counter[str]:
    """One of each key of a book's pages with these numbers."""
    return Counter(f"{book.replace('/', ':')}:{number}" for number in numbers)


def assert_nothing_is_left(library: Library) -> None:
    """No file for jobs that ended, and no half of a file."""
    files = [path for path in library.root.rglob("*") if path.is_file()]
    handed_over = [path for path in files if {"jobs", "jobs-left-behind"} & {*path.parts}]
    halves = [path for path in files if path.suffix == ".partial"]
    assert handed_over + halves == []


@pytest.mark.slow
def test_the_sample_is_read_on_slurm_as_on_one_computer(
    frozen: Library, cluster: OneNode, tmp_path: Path
) -> None:
    # Scans of 1720 pixels: all three books are prepared.
    # What reads them is not on Slurm: the echo tells any two images apart.
    everything = {
        "filters": {"target_states": []},
        "images": {"longest_side": 1700},
        "embedded": {"reader": "echo"},
    }
    roots = [tmp_path / "local", tmp_path / "slurm"]
    for root in roots:
        root.mkdir()
    with (
        sample_library(roots[0], **everything) as local,
        sample_library(roots[1], **everything) as library,
    ):
        library.profile = "slurm"  # and the plain command: `snakemake --profile profiles/slurm`
        library.environment = {"GOOGLE_API_KEY": "not-for-jobs-on-other-machines"}
        head = library.start()
        job = wait_for_job(cluster, library, head, "images_elsewhere")
        environments = environments_of(job)
        assert all(b"PAGEWAVE_RUN" in environment for environment in environments)
        assert not any(b"not-for-jobs" in environment for environment in environments)
        local.run()
        code, output = head.wait()
        assert code == 0, output
        files = [sorted(root.glob("results/**/[!.]*.*")) for root in roots]
        assert len(files[0]) == 18 + 18 + 3 + 2 * 3  # pages, images and their manifests, books
        for ours, theirs in zip(*files, strict=True):
            assert ours.relative_to(roots[0]) == theirs.relative_to(roots[1])
            if ours.name == "book.json":
                assert without_run(ours) == without_run(theirs)
            else:
                assert ours.read_bytes() == theirs.read_bytes()
        jobs = jobs_of(cluster, library)
        assert [job["JobState"] for job in jobs] == ["COMPLETED"] * 4
        assert len(jobs_of(cluster, library, "images_elsewhere")) == 1
        assert not list(roots[1].glob("logs/slurm/**/*.log"))
        assert_nothing_is_left(library)


def without_run(book_file: Path) -> Any:
    """A book.json, as text and without what no two runs have in common."""
    book = json.loads(book_file.read_text(encoding="utf-8"))
    assert book["pages"]
    for page in book["pages"]:
        assert page["provenance"].pop("batch") and page["provenance"].pop("read_at")
    return json.dumps(book, ensure_ascii=False)


@pytest.mark.slow
def test_waves_go_on_while_jobs_queue_and_heads_may_die_at_any_time(
    frozen: Library, cluster: OneNode, tmp_path: Path
) -> None:
    lanes = {"batch_size_limit": 1}
    slow = {"batch_seconds": 1.5}
    with slurm_library(tmp_path, {PLAIN: 3}, embedded=slow, execution=lanes) as library:
        add_scans(library, pages=12, size=(1300, 2000))
        images = tmp_path / "results/images" / TIFF

        # Waves go on, and the head dies with one in flight.
        cluster.stop_starting()
        try:
            head = library.start()
            head.wait_for_create(library, 2)
            wait_for(lambda: jobs_of(cluster, library, "images_elsewhere"))
            head.kill()
            assert library.page_file("Ohio:Plain:1854:1").exists()
            assert [job["JobState"] for job in jobs_of(cluster, library)] == ["PENDING"]
        finally:
            cluster.go_on_starting()
        library.configure(embedded={"batch_seconds": 0})

        # It dies while images are made: its job is kept from being done before the next head comes.
        head = library.start()
        job = wait_for_job(cluster, library, head, "images_elsewhere")
        wait_for(lambda: any(images.glob("*.jpg")))
        freeze(job)
        head.kill()
        made = {path: path.stat().st_mtime_ns for path in images.glob("*.jpg")}
        assert not (images / "prepared.json").exists()

        # It dies while book files are written.
        head = library.start()
        wait_for_job(cluster, library, head, "book")
        head.kill()
        assert made.items() <= {p: p.stat().st_mtime_ns for p in images.glob("*.jpg")}.items()
        assert ENDING.search(head.output)
        output = library.run()
        assert ENDING.search(output)
        assert library.inferences() == keys(PLAIN, 1, 2, 3) + keys(TIFF, *range(1, 13))
        assert [page["number"] for page in library.book(TIFF)["pages"]] == [*range(1, 13)]
        assert library.book(PLAIN)["page_count"] == 3
        assert_nothing_is_left(library)
        assert_one_after_another(jobs_of(cluster, library, "images_elsewhere"))
        for book in (TIFF, PLAIN):
            name = book.replace("/", "_")
            assert_one_after_another(jobs_of(cluster, library, f"book_wildcards_{name}"))


def assert_one_after_another(jobs: Jobs) -> None:
    """No two of these jobs ran at the same time."""
    assert jobs and not any(map(is_living, jobs))
    for one, next_one in itertools.pairwise(jobs):
        assert one["EndTime"] <= next_one["StartTime"], (one, next_one)


@pytest.mark.slow
def test_jobs_that_fail_get_more_memory_and_time(
    frozen: Library, cluster: OneNode, tmp_path: Path
) -> None:
    with slurm_library(tmp_path, {PLAIN: 2}) as library:
        # Snakemake alone needs more than 100 MB.
        output = library.run("--set-resources", "book:mem_mb=100 * attempt**3")
        jobs = jobs_of(cluster, library)
        assert [job["JobState"] for job in jobs] == ["FAILED", "COMPLETED"]
        assert [job["MinMemoryNode"] for job in jobs] == ["100M", "800M"]
        assert library.book(PLAIN)["page_count"] == 2
        assert "Exceeded job memory limit" in output

        page = library.page_file("Ohio:Plain:1854:2")
        content = page.read_bytes()
        page.write_bytes(content[: len(content) // 2])
        output = library.run("--retries", "1", code=1)
        jobs = jobs_of(cluster, library)[2:]
        assert [job["JobState"] for job in jobs] == ["FAILED"] * 2
        assert [job["MinMemoryNode"] for job in jobs] == ["800M", "1600M"]
        assert [job["TimeLimit"] for job in jobs] == ["00:05:00", "00:10:00"]
        assert "1854/2.json, line " in output
        page.unlink()
        library.profile = "local"
        library.run()
        assert page.read_bytes() == content
        assert library.inferences() == keys(PLAIN, 1, 2)
        assert library.book(PLAIN)["page_count"] == 2


@pytest.mark.slow
def test_words_of_several_books_are_jobs_side_by_side_and_as_on_one_computer(
    cluster: OneNode, tmp_path: Path
) -> None:
    with Image.open(SAMPLE / "images" / BOOK / "2.jpg") as scan:
        words = scan.crop((100, 500, 1000, 900))
    with slurm_library(tmp_path, {PLAIN: 1, OTHER: 1}) as library:
        for book in (PLAIN, OTHER):
            words.rotate(180 * (book == OTHER)).save(library.image(f"{book.replace('/', ':')}:1"))
        library.profile = "local"
        library.configure(words={"languages": ["eng"]})
        library.run()
        trees = {path: path.read_bytes() for path in tmp_path.glob("results/words/*/*/*/1.json")}
        assert len(trees) == 2
        assert b"eye" in trees[tmp_path / f"results/words/{PLAIN}/1.json"]

        shutil.rmtree(tmp_path / "results/words")
        library.profile = "slurm"
        library.run("words")
        assert {path: path.read_bytes() for path in trees} == trees
        jobs = jobs_of(cluster, library)
        assert [job["JobState"] for job in jobs] == ["COMPLETED"] * 2
        # The head may have fewer processors than a job has: it does not hold them back.
        assert max(job["SubmitTime"] for job in jobs) < min(job["EndTime"] for job in jobs)
        assert_nothing_is_left(library)


@pytest.mark.slow
def test_a_job_that_takes_too_long_is_tried_again_with_more_time(
    frozen: Library, cluster: OneNode
) -> None:
    code, output = frozen.heads[0].wait()
    assert code == 0, output
    jobs = jobs_of(cluster, frozen, "images_elsewhere")
    assert [job["JobState"] for job in jobs] == ["TIMEOUT", "COMPLETED"]
    assert [job["TimeLimit"] for job in jobs] == ["00:01:00", "00:02:00"]
    assert frozen.inferences() == keys(TIFF, 1)
    assert frozen.book(TIFF)["page_count"] == 1
    assert_nothing_is_left(frozen)


@pytest.mark.slow
def test_jobs_that_share_no_disk_make_images_and_exports(
    frozen: Library, cluster: OneNode, tmp_path: Path
) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    root = cluster.hidden / "checkout"
    check_out(root)
    with S3() as bucket, slurm_library(root, {}) as library:
        bucket.put("of somebody", b"else")  # the plugin deletes a bucket that it has emptied
        add_scans(library, pages=2)
        library.config["exports"] = ["csv"]
        library.configure(prompt={"registry_dir": "prompts"})
        library.project, library.profile = root, "slurm-s3"
        # Jobs leave their copy of the workflow where temporary files go.
        library.environment = {**bucket.environment, "TMPDIR": str(logs)}
        where = ("--default-storage-prefix", "s3://archive/work", "--slurm-logdir", str(logs))
        library.run(*where, "--set-resources", "images_apart:mem_mb=1400 * attempt")
        jobs = jobs_of(cluster, library)
        rules = [job["Comment"].partition("_wildcards")[0] for job in jobs]
        assert rules == ["rule_images_apart", "rule_exports_apart"]
        assert [job["MinMemoryNode"] for job in jobs] == ["1400M", "2000M"]
        assert {job["TimeLimit"] for job in jobs} == {"00:20:00"}
        assert library.inferences() == keys(TIFF, 1, 2)
        assert library.book(TIFF)["page_count"] == 2
        with (root / "results/exports/csv/pages.csv").open(encoding="utf-8-sig") as file:
            assert Counter(row["key"] for row in csv.DictReader(file)) == keys(TIFF, 1, 2)
        assert bucket.keys() == {"of somebody"}
        assert_nothing_is_left(library)
        library.profile = "local"
        assert "Nothing to be done" in library.run()


def check_out(folder: Path) -> None:
    """The workflow's files in a git repository of its own, as Snakemake sends them to jobs."""
    folder.mkdir()
    parts = ("Snakefile", "rules", "scripts", "prompts", "profiles", "report")
    git = ["git", "-C", str(REPO), "ls-files", "-z", "--", *parts]
    for name in subprocess.check_output(git, text=True).split("\0")[:-1]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes((REPO / name).read_bytes())
    for command in (["init", "-q"], ["add", "--all"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
