"""Jobs that share no disk with their head, without a cluster: parcels, and what is done with one.

tests/cluster does the same on a real Slurm whose jobs see nothing of the head's folder.
"""

import os
import shutil
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from helpers.buckets import S3
from helpers.library import REPO, Library
from helpers.scan_files import page_of, save
from pagewave.config.settings import Settings, load_settings
from pagewave.errors import ConfigError, PagewaveError
from pagewave.exports.exports import Exports
from pagewave.exports.registry import find_exporters
from pagewave.ledger import Ledger
from pagewave.pages.dataset import scan
from pagewave.words.book import BookWords
from pagewave.workflow.cluster.apart import Apart, of_name, refuse_paths
from pagewave.workflow.cluster.apart_job import carry_out
from pagewave.workflow.cluster.head import RemoteJobs
from pagewave.workflow.cluster.parcels import (
    EXPORTS,
    WORDS,
    Given,
    pack,
    pack_made,
    put_in_place,
    unpack,
)
from pagewave.workspace import Workspace, chosen_prompt

TIFF = "Ohio/Elm & Oak #1/1853"
GIVEN = Given(run="now", kind=WORDS, of=["A/1850"], settings={}, books=[])


# Parcels


def test_what_is_new_or_changed_comes_back_and_what_was_removed_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("words").mkdir()
    for name in ("same", "changed", "removed"):
        Path("words", name).write_text(name)
    Path("elsewhere").write_text("a scan behind a link")
    os.utime("elsewhere", ns=(7, 1_700_000_000_123_456_789))
    Path("scan").symlink_to("elsewhere")
    names = ("words/same", "words/changed", "words/removed", "scan")
    pack(Path("given.tar"), GIVEN, {name: Path(name) for name in names})

    there = Path("there")
    given = unpack(Path("given.tar"), there)
    assert (there / "scan").read_text() == "a scan behind a link"
    assert (there / "scan").stat().st_mtime_ns == 1_700_000_000_123_456_789
    (there / "words/changed").write_text("CHANGED")
    (there / "words/.record").write_text("new")
    (there / "words/removed").unlink()
    pack_made(Path("made.tar"), given, there)
    with tarfile.open("made.tar") as archive:
        assert set(archive.getnames()) == {"parcel.json", "words/changed", "words/.record"}

    put_in_place(Path("made.tar"), [Path("words")])
    found = {path.name: path.read_text() for path in Path("words").iterdir()}
    assert found == {"same": "same", "changed": "CHANGED", ".record": "new"}


@pytest.mark.parametrize("name", ["state/ledger.sqlite", "words/../state/x", "/tmp/pagewave-x"])
def test_a_parcel_writes_nothing_but_what_its_job_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("made").mkdir()
    pack_made(Path("empty.tar"), GIVEN, Path("made"))
    with tarfile.open("empty.tar", "a") as archive:
        archive.add("empty.tar", "words/a")
        info = tarfile.TarInfo(name)
        archive.addfile(info)
    with pytest.raises(PagewaveError, match="is no file of this job; nothing of it was used"):
        put_in_place(Path("empty.tar"), [Path("words")])
    assert not Path("words").exists() and not Path("state").exists()


def test_a_parcel_cut_short_is_told_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save(Path("there/words/1.tif"), [page_of(1)])
    pack_made(Path("made.tar"), GIVEN, Path("there"))
    content = Path("made.tar").read_bytes()
    Path("made.tar").write_bytes(content[: len(content) // 3])
    with pytest.raises(PagewaveError, match="can't be packed or unpacked"):
        put_in_place(Path("made.tar"), [Path("words")])
    assert not list(Path().glob("words/*"))


# Jobs


def apart_of(settings: Settings) -> Apart:
    """What a head has for the jobs of its run, here called `now`."""
    dataset, prompt = scan(settings), chosen_prompt(settings)
    workspace = Workspace(settings, dataset, Ledger.absent(), prompt)
    exporters = find_exporters(settings.exports, Path.cwd())
    model = prompt.page_model
    exports = Exports(settings.paths, dataset, model, exporters, settings.citation)
    folder = settings.paths.logs_dir / "waves/now"
    jobs = RemoteJobs(workspace, folder, dataset.books)
    jobs.announce(None)
    return Apart(workspace, folder, jobs, exports, BookWords(settings, dataset, model))


def files_of(*folders: str) -> dict[str, bytes]:
    """What lies in them, but for records, which have times in them."""
    found = [path for folder in folders for path in Path("results", folder).rglob("[!.]*")]
    return {str(path): path.read_bytes() for path in found if path.is_file()}


def test_jobs_apart_make_what_is_made_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with S3() as bucket, Library(tmp_path, {}, filters={"labels": "all"}) as library:
        save(tmp_path / "images" / TIFF / "scans.tif", [page_of(1), page_of(2)])
        library.config |= {"words": {"languages": ["eng"]}, "exports": ["csv", "hocr"]}
        library.configure()
        library.environment = dict(bucket.environment)
        # A default storage is for jobs elsewhere: all that is made here stays on this disk.
        storage = ("--default-storage-provider", "s3", "--default-storage-prefix", "s3://archive/x")
        before = bucket.keys()
        library.run(f"results/books/{TIFF}/book.json", *storage)
        library.run(*storage)
        assert bucket.keys() == before

        monkeypatch.chdir(tmp_path)
        settings = load_settings(yaml.safe_load(Path("config.yaml").read_text()), tmp_path)
        made_here = files_of("words", "exports")
        assert {path.split("/")[2] for path in made_here} == {"Ohio", "csv", "hocr"}
        apart = apart_of(settings)

        def make(kind: str, *of: str) -> None:
            name = apart.made(kind, *of).removeprefix(f"parcels/now/{kind}/")
            apart.pack(kind, of_name(name.removesuffix("/made.tar")), Path("given.tar"))
            carry_out("given.tar", "made.tar", 1)
            apart.put_in_place(kind, of, Path("made.tar"))

        shutil.rmtree("results/words")
        shutil.rmtree("results/exports/hocr")
        Path("results/exports/csv/pages.csv").write_text("what a person made of it")
        make(WORDS, TIFF)
        make(EXPORTS, "hocr", TIFF)
        make(EXPORTS, "csv")
        kept = files_of("words", "exports").items() - made_here.items()
        assert kept == {("results/exports/csv/pages.csv.edited", b"what a person made of it")}
        assert files_of("words", "exports").items() >= made_here.items()
        output = library.run("-n", *storage)
        assert "words_book" not in output and "export_" not in output


def test_of_what_a_job_is_stands_in_the_name_of_its_parcel() -> None:
    assert of_name("hocr/Ohio=2FElm=20=26=20Oak=20=231=2F1853") == ["hocr", TIFF]


# Settings


def test_folders_that_are_elsewhere_on_other_machines_are_refused(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here / "labels", here / "scans", there):
        folder.mkdir(parents=True)
    paths = {"label_source_dir": "labels", "image_source_dir": str(there)}
    with pytest.raises(ConfigError, match=rf"paths\.image_source_dir is {there}: .* ln -s"):
        refuse_paths(load_settings({"paths": paths}, here))
    refuse_paths(load_settings({"paths": paths | {"image_source_dir": "scans"}}, here))


def test_what_profiles_say_is_said_on_the_other_machine() -> None:
    """Snakemake expands `$NAME` in a profile on the head; `rm -rf "$PWD"` once took a checkout."""

    def texts(value: object) -> Sequence[str]:
        values = value if isinstance(value, list) else [value]
        return [each for each in values if isinstance(each, str)]

    profiles = sorted((REPO / "profiles").glob("*/config.yaml"))
    assert len(profiles) >= 4
    for profile in profiles:
        for value in yaml.safe_load(profile.read_text()).values():
            assert all(os.path.expandvars(text) == text for text in texts(value)), profile
