"""How exports are found and written: whole or not at all, by whatever class."""

import importlib.util
import inspect
import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import NoReturn

import pytest

from helpers.letters import Letters, letter
from pagewave import crash_points
from pagewave.config.settings import load_settings
from pagewave.errors import ConfigError, PagewaveError
from pagewave.exports import program
from pagewave.exports.divided_words import Joiner
from pagewave.exports.registry import FORMS, find_exporters
from pagewave.exports.schema import Column, Kind
from pagewave.exports.stata_names import stata_names

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs/exports.md").read_text(encoding="utf-8")
BOOK = "Ohio/Elm/1850"
OWN = textwrap.dedent(
    """
    from pagewave.exports.exporter import Exporter

    class Own(Exporter):
        name = "own"
        suffixes = (".txt",)

        def write(self, books, files):
            {}
    """
)


def test_a_form_is_made_anew_where_what_it_imports_of_this_room_was_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The folder in place of our own: nothing of the package is changed by a test.
    monkeypatch.setattr(program, "_FOLDER", tmp_path)
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/__init__.py").write_text("")
    helper, deeper = tmp_path / "helper.py", tmp_path / "deep/deeper.py"
    helper.write_text("def told():\n    import pagewave.exports.deep.deeper\n")
    deeper.write_text("from pagewave.exports import helper\n")  # in a ring
    (tmp_path / "other.py").write_text("")
    (form,) = find_exporters([own(tmp_path, "from pagewave.exports import helper")], tmp_path)

    def now() -> str:
        program._imported.cache_clear()
        return program.program_of(form)

    first = now()
    (tmp_path / "other.py").write_text("1")
    assert now() == first
    seen = {first}
    for file in (helper, deeper, tmp_path / "own.py"):
        file.write_text(f"{file.read_text()}\n# changed\n")
        seen.add(now())
    assert len(seen) == 4


def test_a_form_of_ours_is_made_of_the_helpers_that_it_imports() -> None:
    (form,) = find_exporters(["iiif"], ROOT)
    files = {file.name for file in program.files_of(Path(inspect.getfile(type(form))))}
    assert {"iiif.py", "alto.py", "placed.py", "rows.py"} <= files


def own(folder: Path, line: str) -> str:
    """An exporter of a user's, of which `write` is this line; its name in the configuration."""
    (folder / "own.py").write_text(OWN.format(line), encoding="utf-8")
    return "own.py:Own"


# Finding


def test_the_example_of_the_manual_exports_any_page_model(tmp_path: Path) -> None:
    [example] = re.findall(r"```python\n(.*?)```", DOCS, re.DOTALL)
    assert len(example.strip().splitlines()) <= 20
    folder = tmp_path / "exporters"
    folder.mkdir()
    (folder / "senders.py").write_text(example, encoding="utf-8")
    books = {BOOK: [letter(place="Rome"), letter(place="Rome"), None], "Ohio/Oak/1851": None}
    exports = Letters(tmp_path, books).write("exporters/senders.py:Words")
    found = (exports / "words/books.txt").read_text(encoding="utf-8")
    assert (
        found == "Ohio/Elm/1850: 4 words on 2 of 3 pages\nOhio/Oak/1851: 0 words on 0 of 1 pages\n"
    )


def test_the_manual_names_every_form() -> None:
    assert {name for name in FORMS if f"| `{name}` |" in DOCS} == set(FORMS)


def test_a_class_of_a_module_is_found_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own(tmp_path, "pass")
    (tmp_path / "own.py").rename(tmp_path / "own_module_of_test.py")
    monkeypatch.syspath_prepend(tmp_path)
    assert find_exporters(["own_module_of_test:Own"], tmp_path)[0].name == "own"


MISTAKES = {
    "exel": r"no form 'exel'; did you mean excel\?",
    "x": "no form 'x'; known: csv, codebook, .*file.py:Class",
    "gone.py:Own": r"gone\.py cannot be read",
    "gone_module:Own": "gone_module can't be imported: ModuleNotFoundError",
    "own.py:Other": "own.py has no Other",
    "own.py:Exporter": r"lacks write\(\), name, suffixes",
    "own.py:list": "own.py has no list",
    "own.py:NoClass": "is no class derived from pagewave.exports.exporter.Exporter",
    "own.py:Spaced": "has the name 'A b'; expected small letters",
    "own.py:Wrong": "expected `suffixes` such as",
    "own.py:Twice": "calls itself 'own', and so does another form",
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_a_name_is_told_before_anything_is_sent(name: str, tmp_path: Path) -> None:
    given = own(tmp_path, "pass")
    with (tmp_path / "own.py").open("a", encoding="utf-8") as file:
        file.write("NoClass = 1\n")
        for each, more in {
            "Twice": "",
            "Spaced": "name = 'A b'",
            "Wrong": "suffixes = 'x'",
        }.items():
            file.write(f"class {each}(Own):\n    {more or 'pass'}\n")
    with pytest.raises(ConfigError, match=f"exports: .*{MISTAKES[name]}|{MISTAKES[name]}"):
        find_exporters([given, name], tmp_path)


def test_a_package_that_is_missing_is_told_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "polars" else find(name)
    )
    with pytest.raises(ConfigError, match=r"parquet needs polars: .*pip install -e") as error:
        find_exporters(["csv", "parquet"], tmp_path)
    assert "[tables]' -c " in str(error.value) and error.value.exit_code == 2


def test_exports_are_a_list_of_names(tmp_path: Path) -> None:
    config = {"paths": {"image_source_dir": "."}, "filters": {"labels": "all"}}
    (tmp_path / "scans").mkdir()
    config["paths"]["image_source_dir"] = "scans"
    assert load_settings(config | {"exports": None}, tmp_path).exports == []
    with pytest.raises(ConfigError, match='exports: "csv" given, expected a list of texts'):
        load_settings(config | {"exports": "csv"}, tmp_path)


def test_nothing_heavy_is_imported_before_it_writes(tmp_path: Path) -> None:
    heavy = "{'polars', 'duckdb', 'xlsxwriter', 'pyreadstat', 'pandas', 'numpy'}"
    code = (
        "import sys; from pathlib import Path;"
        "from pagewave.exports.registry import FORMS, find_exporters;"
        f"find_exporters(list(FORMS), Path('.')); print(sorted({heavy} & set(sys.modules)))"
    )
    env = os.environ | {"PYTHONPATH": str(ROOT / "scripts")}
    assert subprocess.check_output([sys.executable, "-c", code], env=env, text=True) == "[]\n"


# Writing


def test_one_that_fails_leaves_what_was_there_and_nothing_half_written(tmp_path: Path) -> None:
    letters = Letters(tmp_path, {BOOK: [letter()]})
    folder = letters.write(own(tmp_path, "files[0].write_text('first')")) / "own"
    for line, error in {
        "files[0].write_text('second'); 1/0": r"own can't be written .*ZeroDivisionError.*own\.py, "
        "line 9",
        "pass": "its exporter has not written .*books.txt",
    }.items():
        with pytest.raises(PagewaveError, match=error):
            letters.write(own(tmp_path, line))
        assert (folder / "books.txt").read_text() == "first"
        assert {file.name for file in folder.iterdir()} == {"books.txt", ".pagewave.json"}


@pytest.mark.parametrize("form", ["sqlite", "csv", "duckdb", "crate"])
def test_what_a_kill_left_is_in_nobodys_way(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cited = {"creators": [{"name": "Ann"}], "license": "CC0-1.0"}
    letters = Letters(tmp_path, {BOOK: [letter()]}, citation=cited)

    def die() -> NoReturn:
        raise KeyboardInterrupt  # not cleaned up after, as a kill is not

    monkeypatch.setattr(crash_points, "die", die)
    crash_points.arm("file-half-written")
    try:
        with pytest.raises(KeyboardInterrupt):
            letters.write(form)
    finally:
        crash_points.arm(None)
    folder = letters.settings.paths.exports_dir / form
    left = [file.name for file in folder.iterdir() if file.name.endswith(".partial")]
    assert left and not [file for file in folder.iterdir() if not file.name.startswith(".")]
    letters.write(form)
    assert not [file for file in folder.iterdir() if "partial" in file.name]
    assert len(list(folder.iterdir())) == len(left) + 1  # and the record


def test_a_second_writer_of_the_same_files_waits(tmp_path: Path) -> None:
    letters = Letters(tmp_path, {BOOK: [letter()]})
    tries = """import fcntl
        with files[0].with_name(".pagewave.json").open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                files[0].write_text("two may write")
            except BlockingIOError:
                files[0].write_text("one writes")"""
    folder = letters.write(own(tmp_path, tries))
    assert (folder / "own/books.txt").read_text() == "one writes"


def test_what_a_person_changed_in_an_export_is_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    letters = Letters(tmp_path, {BOOK: [letter()]})
    folder = letters.write("csv", "text")
    pages, text = folder / "csv/pages.csv", folder / f"text/{BOOK}.txt"
    os.utime(pages)  # touched, not changed
    text.write_text("mine")
    letters.write("csv", "text")
    copies = list(folder.rglob("*.edited*"))
    assert [copy.name for copy in copies] == ["1850.txt.edited"]
    assert copies[0].read_text() == "mine" and text.read_text() == "[page 1]\nDear Bo\n"
    assert "was changed by hand" in caplog.text
    pages.write_text("mine too")
    letters.exports("csv", "text").keep_edited()  # before all outputs are deleted
    assert not pages.exists() and text.exists()
    assert pages.with_name("pages.csv.edited").read_text() == "mine too"


def test_files_of_other_books_columns_or_programs_are_out_of_date(tmp_path: Path) -> None:
    letters = Letters(tmp_path, {BOOK: [letter()], "Ohio/Oak/1851": [letter()]})
    names = ["csv", "text", own(tmp_path, "files[0].write_text('first')")]
    letters.write(*names)
    assert letters.exports(*names).outdated() == set()

    own(tmp_path, "files[0].write_text('second')")
    folder = letters.settings.paths.exports_dir
    assert letters.exports(*names).outdated() == {str(folder / "own/books.txt")}
    own(tmp_path, "files[0].write_text('first')")

    dataset = letters.dataset
    letters.dataset = type(dataset)(dataset.books[:1])
    found = letters.exports(*names).outdated()
    assert {Path(file).parent.name for file in found} == {"csv", "own"}
    letters.dataset = dataset
    (folder / "csv/.pagewave.json").write_text("{to")  # torn by a crash
    letters.write("csv")
    assert json.loads((folder / "csv/.pagewave.json").read_text())["files"].keys() == {
        *("pages.csv", "enclosures.csv", "codebook.csv")
    }


# Texts


@pytest.mark.parametrize(
    ("text", "joined"),
    [
        ("Geo-\nmetry and more\nlines", "Geometry\nand more\nlines"),
        ("Geo-\nmetry,\nlines", "Geometry,\nlines"),
        ("the end of al-\ngebra", "the end of algebra"),
        ("a text-\nbook; text-book", "a text-book;\ntext-book"),
        ("1852-\n53 and Anglo-\nSaxon", "1852-53\nand Anglo-Saxon"),
        ("Geo\u00ad\nMetry", "GeoMetry"),
        ("alge\u2e17\nbra", "algebra"),
        ("Latin -\nGreek", "Latin -\nGreek"),
        ("one\ntwo", "one\ntwo"),
        ("geo-\nmetry al-\ngebra x", "geometry\nalgebra\nx"),
        ("d'Al-\nem\u2019bert", "d'Alem\u2019bert"),
    ],
)
def test_words_divided_at_line_ends_are_joined(text: str, joined: str) -> None:
    assert Joiner([text]).join(text) == joined


def test_texts_mark_pages_and_what_is_missing(tmp_path: Path) -> None:
    words = "1. *Geo-\nmetry* <script>\n---"
    folder = Letters(tmp_path, {BOOK: [letter(words=words), None]}).write("text", "markdown")
    missing = "3 failures, the last one APIError"
    assert (folder / f"text/{BOOK}.txt").read_text(encoding="utf-8") == (
        f"[page 1]\n1. *Geometry*\n<script>\n---\n\n[page 2]\n[missing: {missing}]\n"
    )
    assert (folder / f"markdown/{BOOK}.md").read_text(encoding="utf-8") == (
        "# Elm, Ohio, 1850\n\n## Page 1\n\n1\\. \\*Geometry\\*  \n\\<script\\>  \n\\---  \n\n"
        f"## Page 2\n\n*Missing: {missing}.*\n"
    )


def test_spans_of_pages_are_those_of_the_text(tmp_path: Path) -> None:
    pages = [letter(words="Geo-\nmetry \U0001d510"), None, letter(words="end")]
    books = {BOOK: pages, "Ohio/Oak/1851": None}
    folder = Letters(tmp_path, books).write("jsonl")
    [line] = (folder / "jsonl/books.jsonl").read_text(encoding="utf-8").splitlines()
    book = json.loads(line)
    spans = {p["page"]: book["text"][p["start"] : p["end"]] for p in book["pages"] if "start" in p}
    assert spans == {1: "Geometry\n\U0001d510", 3: "end"}
    assert book["pages"][1]["missing"] == "3 failures, the last one APIError"
    assert (book["id"], book["pages"][0]["model_served"]) == (BOOK, "gemini-x-001")


def test_names_for_stata_are_allowed_short_and_different() -> None:
    given = ["in", "str12", "x" * 40, "x" * 41, "größe", "_n", "plain", "PLAIN"]
    names = stata_names([Column(name, Kind.TEXT) for name in given])
    assert names == [
        *("v_in", "v_str12", "x" * 32, "x" * 30 + "_2", "gr__e", "v__n", "plain", "PLAIN_2")
    ]
