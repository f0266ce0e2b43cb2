"""The data package: opened by programs that are not ours, checked by ours, and telling no more."""

import csv
import hashlib
import io
import json
import random
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import rocrate
import yaml
from frictionless import Resource, system, validate
from pydantic import ValidationError
from rocrate.rocrate import ROCrate

from helpers.letters import CORRECTION, PROVENANCE, Letters, enclosure, letter
from helpers.result_lines import page as page_ocr
from pagewave.config.citation import Citation, Creator
from pagewave.exports.citing.archive import MANIFEST, manifest
from pagewave.exports.citing.check import check
from pagewave.exports.citing.datasheet import citation_file
from pagewave.levels import DEFAULT
from pagewave.prompts.registry import load_prompt
from pagewave.words.audit.certificate import Certificate, Figure

ROOT = Path(__file__).parents[2]
ODD = 'Elm & "Söhne" #1'
BOOKS = {
    f"Ohio/{ODD}/1850": [
        letter(place="=cmd()", enclosures=[enclosure(), enclosure(what="-", pieces=None)]),
        letter(sender=None, words="Geo-\nmetry \U0001d510"),
        None,
    ],
    "Vermont/Oak/1866": [letter(kind="copy", words="\u017faid " * 40_000)],
    "Vermont/Ash/1870": None,
}
CITATION: dict[str, Any] = {
    "title": "Letters of Ohio",
    "description": "What Ann wrote.",
    "creators": [
        {"name": "Lovelace, Ada", "orcid": "0000-0002-1825-0097", "affiliation": "A University"},
        {"name": "A Library"},
    ],
    "license": "CC-BY-4.0",
    "doi": "https://doi.org/10.5281/zenodo.1234567",
    "publisher": "Zenodo",
    "version": "1.2",
    "url": "https://letters.example/room/",
}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of these books."""
    letters = Letters(tmp_path_factory.mktemp("cited"), BOOKS, citation=CITATION)
    return letters.write("crate") / "crate/books.zip"


@pytest.fixture
def folder(file: Path, tmp_path: Path) -> Path:
    """The same, unpacked."""
    with zipfile.ZipFile(file) as archive:
        archive.extractall(tmp_path / "unpacked")
    return tmp_path / "unpacked"


def names_in(folder: Path) -> list[str]:
    """All its files."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path.relative_to(folder).as_posix() for path in found)


def with_hashes(folder: Path) -> None:
    """Make its manifest anew, as somebody would who forges something."""
    names = [name for name in names_in(folder) if name != MANIFEST]
    hashes = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
    (folder / MANIFEST).write_text(manifest(hashes), encoding="utf-8")


# Made


def test_the_same_books_make_the_same_bytes_wherever_they_are(file: Path, tmp_path: Path) -> None:
    letters = Letters(tmp_path, BOOKS, citation=CITATION)
    again = letters.write("crate") / "crate/books.zip"
    assert again.read_bytes() == file.read_bytes()
    letters.put("Vermont/Oak/1866", [letter(words="else")])
    assert (letters.write("crate") / "crate/books.zip").read_bytes() != file.read_bytes()


def test_another_citation_makes_it_anew(tmp_path: Path) -> None:
    letters = Letters(tmp_path, {"Ohio/Elm/1850": [letter()]})
    letters.write("crate")
    assert letters.exports("crate").outdated() == set()
    other = letters.settings.model_copy(update={"citation": Citation(license="CC0-1.0")})
    letters.settings = other
    assert len(letters.exports("crate").outdated()) == 1


def test_what_is_not_given_is_told_and_left_out(tmp_path: Path) -> None:
    letters = Letters(tmp_path, {"Ohio/Elm/1850": [letter()]})
    made = letters.write("crate") / "crate"
    notes = (made / "notes.txt").read_text(encoding="utf-8")
    assert "no CITATION.cff: citation.creators" in notes and "citation.license" in notes
    with zipfile.ZipFile(made / "books.zip") as archive:
        assert "CITATION.cff" not in archive.namelist()
        assert "No licence was named" in archive.read("datasheet.md").decode()
        assert "# Elm, Ohio, 1850: text read from" in archive.read("datasheet.md").decode()
        assert "usd" not in archive.read("summary.json").decode()
    assert check(made / "books.zip").problems == []
    assert ROCrate(made / "books.zip").root_dataset["datePublished"] == "2026-03-04"


def test_rules_that_somebody_changed_are_told_only_if_they_hold_nothing_of_this_computer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.setattr("pagewave.exports.forms.crate.PROJECT", project)
    monkeypatch.chdir(tmp_path)
    letters = Letters(tmp_path / "letters", {"Ohio/Elm/1850": [letter()]})
    for content, is_told in {"": False, f"x = '{tmp_path}/in'": False, "rule all:": True}.items():
        if content:
            (project / "Snakefile").write_text(content)
        made = letters.write("crate") / "crate"
        found = check(made / "books.zip")
        assert found.problems == []
        crate = ROCrate(made / "books.zip")
        profiles = crate.root_dataset["conformsTo"]
        last = "provenance" if is_told else "process"
        named = [each.id for each in (profiles if isinstance(profiles, list) else [profiles])]
        assert f"https://w3id.org/ro/wfrun/{last}/0.5" in named and (len(named) > 1) == is_told
        assert bool(crate.mainEntity) == is_told
        notes = (made / "notes.txt").read_text(encoding="utf-8")
        assert ("without the workflow, as Snakefile holds" in notes) == (str(tmp_path) in content)


def test_without_any_page_it_says_so_and_no_more(tmp_path: Path) -> None:
    made = Letters(tmp_path, {"Ohio/Elm/1850": None}).write("crate") / "crate/books.zip"
    assert check(made).problems == []
    named = [each.id for each in ROCrate(made).root_dataset["conformsTo"]]
    assert "https://w3id.org/ro/wfrun/workflow/0.5" in named
    assert "https://w3id.org/ro/wfrun/provenance/0.5" not in named
    with zipfile.ZipFile(made) as archive:
        assert "- its book is not finished: 1" in archive.read("datasheet.md").decode()


def test_tokens_and_prices_are_told_only_if_that_is_asked(tmp_path: Path) -> None:
    books = {"Ohio/Elm/1850": [letter(), letter()]}
    made = Letters(tmp_path, books, citation={"costs": True}).write("crate") / "crate/books.zip"
    with zipfile.ZipFile(made) as archive:
        costs = json.loads(archive.read("summary.json"))["costs"]
        page = json.loads(archive.read("pages/Ohio/Elm/1850/1.json"))
    assert (costs["usd"], costs["prompt_tokens"]) == (2 * PROVENANCE["usd"], 2222)
    assert page["provenance"]["usd"] == PROVENANCE["usd"]
    assert check(made).problems == []


def test_a_page_tells_how_it_came_about(folder: Path) -> None:
    page = json.loads((folder / f"pages/Ohio/{ODD}/1850/2.json").read_bytes())
    names = ("attempt", "fingerprint", "image_sha256", "prompt_sha256", "read_at", "model")
    assert {name: page["provenance"][name] for name in names} == {
        name: PROVENANCE[name] for name in names
    }
    assert page["correction"] == {
        "corrected_at": CORRECTION["corrected_at"],
        "fields_changed": ["sender"],
        "corrects": {"attempt": 2, "fingerprint": "f00d" * 16, "sha256": "fade" * 16},
    }
    assert page["answer"] == BOOKS[f"Ohio/{ODD}/1850"][1]  # type: ignore[index]
    missing = json.loads((folder / "pages/Vermont/Ash/1870/1.json").read_bytes())
    assert (missing["answer"], missing["missing"]) == (None, "its book is not finished")


def test_the_numbers_are_those_of_the_pages(folder: Path) -> None:
    numbers = json.loads((folder / "summary.json").read_bytes())
    assert (numbers["pages"], numbers["pages_read"], numbers["pages_missing"]) == (5, 3, 2)
    assert (numbers["pages_corrected"], numbers["flags"]) == (1, {"Echo": 3})
    [reading] = numbers["readings"]
    assert (reading["model_asked"], reading["model_served"]) == ("gemini-x", "gemini-x-001")
    assert (reading["prompt_version"], reading["prompt_sha256"]) == ("v1", "cafe" * 16)
    sheet = (folder / "datasheet.md").read_text(encoding="utf-8")
    words = [
        "3 pages that were read, of 5 pages of 3 books",
        "gemini-x-001",
        "cafe" * 16,
        "Echo: 3",
    ]
    words += ["3 failures, the last one APIError: 1", "10.5281/zenodo.1234567", "CC-BY-4.0"]
    assert [word for word in words if word not in sheet] == []


def test_links_lead_to_the_reading_room_where_it_is_published(folder: Path) -> None:
    with (folder / "tables/enclosures.csv").open(encoding="utf-8", newline="") as table:
        links = {row["link"] for row in csv.DictReader(table)}
    school = "Elm%20%26%20%22S%C3%B6hne%22%20%231"
    assert links == {f"https://letters.example/room/Ohio/{school}/1850/index.html#page=1"}


# Opened by others


def _entities(folder: Path) -> list[dict[str, Any]]:
    crate = json.loads((folder / "ro-crate-metadata.json").read_bytes())
    entities: list[dict[str, Any]] = crate["@graph"]
    return entities


def test_the_library_of_ro_crate_reads_it_and_finds_all_files(folder: Path) -> None:
    crate = ROCrate(folder)
    root = crate.root_dataset
    assert (root["name"], root["version"], root["publisher"]["name"]) == (
        *("Letters of Ohio", "1.2", "Zenodo"),
    )
    assert [creator["name"] for creator in root["creator"]] == ["Lovelace, Ada", "A Library"]
    assert root["creator"][0].id == "https://orcid.org/0000-0002-1825-0097"
    assert root["creator"][0]["affiliation"]["name"] == "A University"
    assert root["license"].id == "https://spdx.org/licenses/CC-BY-4.0"
    assert root["identifier"] == "https://doi.org/10.5281/zenodo.1234567"
    assert crate.mainEntity.id == "workflow/Snakefile"
    assert "ComputationalWorkflow" in crate.mainEntity.type
    reading = crate.dereference("#reading-1")
    assert reading["instrument"]["name"] == "gemini-x-001"
    assert reading["startTime"] == "2026-03-04T05:06:07+00:00"
    files = [entity for entity in crate.get_entities() if entity.type == "File"]
    assert len(files) > 8
    for entity in files:
        path = Path(entity.source)
        assert path.is_file(), entity.id
        if "sha256" in entity:
            assert hashlib.sha256(path.read_bytes()).hexdigest() == entity["sha256"]
    folders = [entity for entity in crate.get_entities() if entity.id.startswith("pages/")]
    assert len(folders) == 3 and all(Path(entity.source).is_dir() for entity in folders)


def test_all_its_words_are_in_the_context_and_all_it_names_is_there(folder: Path) -> None:
    context = Path(rocrate.__file__).parent / "data/ro-crate.jsonld"
    words = {*json.loads(context.read_bytes())["@context"], "@id", "@type", "sha256"}
    entities = {entity["@id"]: entity for entity in _entities(folder)}
    assert len(entities) == len(_entities(folder)) > 20
    outside: set[str] = set()
    for entity in entities.values():
        assert set(entity) <= words
        kinds = entity["@type"]
        assert {kinds} <= words if isinstance(kinds, str) else set(kinds) <= words
        for value in entity.values():
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, dict) and each["@id"] not in entities:
                    outside.add(each["@id"])
    assert outside == {
        "https://w3id.org/ro/crate/1.1",
        "https://doi.org/10.1093/bioinformatics/bts480",
        "https://snakemake.readthedocs.io",
        "https://spdx.org/licenses/MIT",
    }


def test_frictionless_finds_it_valid(folder: Path) -> None:
    with system.use_context(trusted=True):
        report = validate(folder / "datapackage.json")
    assert report.valid, report.flatten(["type", "message"])
    assert report.stats["tasks"] == 3
    # It does look: a number that is none, a page that is not there.
    table = folder / "tables/enclosures.csv"
    content = table.read_text(encoding="utf-8")
    table.write_text(content.replace(",2,", ",two,").replace("Ohio:", "Iowa:"), encoding="utf-8")
    with system.use_context(trusted=True):
        report = validate(folder / "datapackage.json")
    kinds = {kind for (kind,) in report.flatten(["type"])}
    assert {"type-error", "foreign-key", "hash-count"} <= kinds


def test_any_program_for_json_schema_finds_pages_valid(folder: Path) -> None:
    schema = json.loads((folder / "page.schema.json").read_bytes())
    found = [json.loads(path.read_bytes())["answer"] for path in (folder / "pages").rglob("*.json")]
    assert len(found) == 5
    for answer in filter(None, found):
        jsonschema.validate(answer, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"words": 1}, schema)


def test_sha256sum_finds_what_was_changed(folder: Path) -> None:
    command = ["sha256sum", "--check", "--quiet", "--strict", MANIFEST]
    assert subprocess.run(command, cwd=folder, capture_output=True).returncode == 0
    (folder / "tables/pages.csv").write_text("other")
    said = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert said.returncode == 1 and "tables/pages.csv: FAILED" in said.stdout


def test_citation_cff_names_those_who_are_to_be_named(folder: Path) -> None:
    found = yaml.safe_load((folder / "CITATION.cff").read_text(encoding="utf-8"))
    ada = {
        "family-names": "Lovelace",
        "given-names": "Ada",
        "affiliation": "A University",
        "orcid": "https://orcid.org/0000-0002-1825-0097",
    }
    assert found["authors"] == [ada, {"name": "A Library"}]
    told = ("cff-version", "type", "title", "license", "doi", "version", "date-released")
    assert {name: found[name] for name in told} == {
        "cff-version": "1.2.0",
        "type": "dataset",
        "title": "Letters of Ohio",
        "license": "CC-BY-4.0",
        "doi": "10.5281/zenodo.1234567",
        "version": "1.2",
        "date-released": "2026-03-05",
    }
    numbers = json.loads((folder / "summary.json").read_bytes())
    by_address = Citation(creators=[Creator(name="A")], license="https://example.org/terms")
    text = citation_file(by_address, numbers, DEFAULT)
    assert text and "license-url: https://example.org/terms" in text


def test_our_own_page_model_makes_one_too(tmp_path: Path) -> None:
    model = (ROOT / "prompts/page_ocr/page.py").read_text(encoding="utf-8")
    names = ["course_name", "department", "level", "term", "description", "topics"]
    course: dict[str, Any] = dict.fromkeys(names) | {"instructors": ["A. B."], "textbooks": []}
    pages = [page_ocr("LATIN.", courses=[course | {"course_name": "-Latin"}]), page_ocr("x")]
    made = Letters(tmp_path, {"Ohio/Elm/1850": pages}, model).write("crate") / "crate"
    found = check(made / "books.zip")
    assert (found.problems, found.pages) == ([], 2)
    with zipfile.ZipFile(made / "books.zip") as archive:
        archive.extractall(made / "unpacked")
    with system.use_context(trusted=True):
        assert validate(made / "unpacked/datapackage.json").valid
    courses = Resource(path=str(made / "unpacked/tables/courses.csv")).read_rows()
    assert [row["course_name"] for row in courses] == ["'-Latin"]
    assert load_prompt(ROOT / "prompts", "page_ocr", "v1.1.jinja").page_model


# Checked


def test_zip_and_folder_are_found_whole(file: Path, folder: Path) -> None:
    for place in (file, folder):
        found = check(place, [f"Ohio:{ODD}:1850:1"])
        assert [str(problem) for problem in found.problems] == []
        assert (found.pages, found.files) == (5, len(names_in(folder)) - 1)
        assert found.cells > 5 * 20 and list(found.records) == [f"Ohio:{ODD}:1850:1"]


def test_a_changed_byte_in_any_file_is_named_with_file_and_page(folder: Path) -> None:
    chance = random.Random(19)
    for name in names_in(folder):
        path = folder / name
        content = path.read_bytes()
        place = chance.randrange(len(content))
        path.write_bytes(
            content[:place]
            + bytes([content[place] ^ 1 << chance.randrange(8)])
            + content[place + 1 :]
        )
        problems = check(folder).problems
        named = {problem.file for problem in problems}
        assert name in named or (name == MANIFEST and named), (name, place)
        if name.startswith("pages/"):
            key = ":".join(name.removeprefix("pages/").removesuffix(".json").split("/"))
            assert key in {problem.page for problem in problems if problem.file == name}
        path.write_bytes(content)
    assert check(folder).problems == []


def _contents(content: bytes) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            if not name.endswith("/"):
                yield name, archive.read(name)


def test_a_changed_byte_of_the_zip_is_found_unless_no_file_is_another(
    file: Path, tmp_path: Path
) -> None:
    content, whole, found = file.read_bytes(), list(_contents(file.read_bytes())), 0
    chance, other = random.Random(19), tmp_path / "other.zip"
    for _ in range(60):
        changed = bytearray(content)
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
        other.write_bytes(changed)
        try:
            is_found = bool(check(other).problems)
        except Exception as error:
            is_found = "can't be opened as a data package" in str(error)
        assert is_found or list(_contents(changed)) == whole
        found += is_found
    assert found > 40


def test_what_was_forged_with_its_hash_is_found_where_it_agrees_with_nothing(folder: Path) -> None:
    path = folder / f"pages/Ohio/{ODD}/1850/1.json"
    path.write_text(path.read_text(encoding="utf-8").replace("=cmd()", "Rome"), encoding="utf-8")
    with_hashes(folder)
    [problem] = check(folder).problems
    assert str(problem) == (
        f'tables/pages.csv: page Ohio:{ODD}:1850:1: row 1 of it, place: "\'=cmd()", and by '
        f'pages/Ohio/{ODD}/1850/1.json "Rome"'
    )


def test_a_table_or_a_number_that_was_forged_is_found(folder: Path) -> None:
    changes = {
        "tables/enclosures.csv": ("a key", "a ring", "enclosures.csv: page Ohio:"),
        "tables/pages.csv": ("gemini-x-001", "gemini-y-001", "model_served"),
        "summary.json": ('"pages_read": 3', '"pages_read": 4', "not those of the pages"),
        "datapackage.json": ("letters.example", "others.example", "link"),
    }
    for name, (old, new, said) in changes.items():
        path = folder / name
        content = path.read_text(encoding="utf-8")
        assert old in content
        path.write_text(content.replace(old, new, 1), encoding="utf-8")
        with_hashes(folder)
        problems = " ".join(map(str, check(folder).problems))
        assert said in problems, name
        path.write_text(content, encoding="utf-8")
    with_hashes(folder)
    assert check(folder).problems == []


def test_files_and_pages_that_are_gone_or_came_are_named(folder: Path) -> None:
    (folder / "pages/Vermont/Oak/1866/1.json").unlink()
    (folder / "more.txt").write_text("x")
    said = [str(problem) for problem in check(folder).problems]
    assert "more.txt: is not in manifest-sha256.txt" in said
    assert any(line.startswith("pages/Vermont/Oak/1866/1.json: page Vermont:Oak") for line in said)
    assert any("there is no such page" in line for line in said)


@pytest.mark.parametrize("name", ["datapackage.json", "ro-crate-metadata.json", MANIFEST])
@pytest.mark.parametrize("content", ["", "[]", "{}", '{"resources": [1], "@graph": [1]}'])
def test_what_is_no_package_is_told_and_no_error(folder: Path, name: str, content: str) -> None:
    (folder / name).write_text(content)
    assert name in {problem.file for problem in check(folder).problems}


# The configuration


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"doi": "zenodo.123"}, "expected a DOI such as"),
        ({"license": "CC BY 4.0"}, "an SPDX id such as CC-BY-4.0"),
        ({"url": "letters.example"}, "expected an address such as"),
        ({"url": "https://ann:secret@letters.example"}, "expected an address such as"),
        ({"creators": [{"name": "A", "orcid": "0000-0002-1825-0098"}]}, "a digit is wrong"),
        ({"creators": [{"orcid": "0000-0002-1825-0097"}]}, "Field required"),
    ],
)
def test_a_mistake_in_the_citation_is_told(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Citation.model_validate(values)


def test_orcids_end_with_an_x_too() -> None:
    assert Creator(name="B", orcid="https://orcid.org/0000-0002-9079-593X").orcid


def test_a_certificate_travels_with_the_package_and_its_datasheet_says_what_it_stands_for(
    tmp_path: Path,
) -> None:
    letters = Letters(tmp_path, {"Ohio/Elm/1850": [letter(), letter(place="Oak")]})
    (form,) = letters.exports("crate").forms
    letters.write("crate")
    without = form.made_of(letters.dataset.books)
    pages = {page.key: letters.page_sha256(page.key) for page in letters.dataset.pages}
    figure = Figure(value=0.0123, low=0.01, high=0.0156, judged=400)
    certificate = Certificate(
        made_at="2026-11-30T00:00:00Z",
        method="By lot.",
        seed=1,
        lines=12_345,
        pages_without=3,
        figures={"cer": figure},
        meanings={"cer": "edits | character"},
        pages=pages | {"Ohio:Elm:1850:2": "0" * 64},
    )
    certificate.write(letters.settings.paths.audit_dir / "certificate.json")
    assert letters.exports("crate").forms[0].made_of(letters.dataset.books) != without
    folder = letters.write("crate")
    with zipfile.ZipFile(folder / "crate/books.zip") as archive:
        names = {Path(name).name: name for name in archive.namelist()}
        carried = Certificate.model_validate_json(archive.read(names["certificate.json"]))
        sheet = archive.read(names["datasheet.md"]).decode()
        about = json.loads(archive.read(names["ro-crate-metadata.json"]))
    assert carried == certificate
    assert "| CER | 1.23% | 1.00 to 1.56 | 400 | edits \\| character |" in sheet
    assert "12,345 lines of 2 pages" in sheet
    assert "1 page changed since" in sheet
    assert "No figure here says how many" not in sheet
    assert "certificate.json" in {each["@id"] for each in about["@graph"]}
    assert not check(folder / "crate/books.zip").problems
