"""Tables of all books, opened by programs that are not ours: whatever the page model."""

import asyncio
import csv
import datetime
import json
import re
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import closing
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import duckdb
import openpyxl
import polars
import pyreadstat
import pytest
from frictionless import Package
from pydantic import BaseModel, Field

from helpers.letters import SECRETS, Letters, enclosure, letter
from helpers.result_lines import page as page_ocr
from pagewave.exports.content import Books
from pagewave.exports.forms.codebook import Codebook
from pagewave.exports.registry import OF_BOOKS
from pagewave.exports.schema import schema_of
from pagewave.page_model import PageModel
from pagewave.prompts.registry import load_prompt

ROOT = Path(__file__).parents[2]
TABLES = ["csv", "sqlite", "excel", "parquet", "stata", "duckdb", "crate"]
LONG = "a_name_that_is_longer_than_any_that_stata_takes"
BOOKS = {
    "Ohio/Elm/1850": [
        letter(place="=cmd()", enclosures=[enclosure(), enclosure(what="-", pieces=None)]),
        letter(sender=None, date=None, year=None, words="Geo-\nmetry, text-\nbook; a text-book"),
        None,
    ],
    "Vermont/Oak/1866": [letter(words="\u017faid\x07 \x1b[31m", enclosures=[enclosure(sent=None)])],
    "Vermont/Ash/1870": None,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All forms of these books."""
    return Letters(tmp_path_factory.mktemp("letters"), BOOKS).write(*OF_BOOKS)


Row = dict[str, Any]


def _csv(folder: Path, table: str) -> list[Row]:
    with (folder / f"csv/{table}.csv").open(encoding="utf-8", newline="") as file:
        return [
            # As docs/exports.md has it: the apostrophe is not part of a text.
            {name: re.sub(r"^'(?=[=+\-@])", "", cell) for name, cell in row.items()}
            for row in csv.DictReader(file)
        ]


def _sqlite(folder: Path, table: str) -> list[Row]:
    command = [sys.executable, "-m", "sqlite_utils", "rows", folder / "sqlite/books.sqlite", table]
    rows: list[Row] = json.loads(subprocess.check_output(command))
    return rows


def _excel(folder: Path, table: str) -> list[Row]:
    sheet = openpyxl.load_workbook(folder / "excel/books.xlsx", read_only=True)[table]
    names, *rows = sheet.iter_rows(values_only=True)
    return [dict(zip(map(str, names), row, strict=True)) for row in rows]


def _parquet(folder: Path, table: str) -> list[Row]:
    query = f"FROM read_parquet('{folder}/parquet/{table}.parquet')"
    found = duckdb.sql(query)
    return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


def _stata(folder: Path, table: str) -> list[Row]:
    frame, _ = pyreadstat.read_dta(folder / f"stata/{table}.dta", output_format="polars")
    rows: list[Row] = frame.rename(
        {name: LONG for name in frame.columns if name == LONG[:32]}
    ).to_dicts()
    return rows


def _duckdb(folder: Path, table: str) -> list[Row]:
    with duckdb.connect(str(folder / "duckdb/books.duckdb"), read_only=True) as database:
        found = database.sql(f"FROM {table}")
        return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


def _crate(folder: Path, table: str) -> list[Row]:
    with zipfile.ZipFile(folder / "crate/books.zip") as archive:
        archive.extractall(folder / "crate/unpacked")
    package = Package(folder / "crate/unpacked/datapackage.json")
    return [
        {
            name: re.sub(r"^'(?=[=+\-@])", "", cell) if isinstance(cell, str) else cell
            for name, cell in row.to_dict().items()
        }
        for row in package.get_resource(table).read_rows()
    ]


READERS: dict[str, Callable[[Path, str], list[Row]]] = {
    "csv": _csv,
    "sqlite": _sqlite,
    "excel": _excel,
    "parquet": _parquet,
    "stata": _stata,
    "duckdb": _duckdb,
    "crate": _crate,
}


def _plain(value: object) -> str:
    """A value as any of the programs has it: some have no date, no truth value, no missing text."""
    if value is None or value != value:
        return ""
    if isinstance(value, str) and value in ("true", "false"):
        value = value == "true"
    if isinstance(value, bool | float | int):
        return f"{float(value):g}"
    text = value.isoformat() if isinstance(value, datetime.date) else str(value)
    return f"{float(text):g}" if re.fullmatch(r"-?\d+(\.\d+)?", text) else text


def _expected_pages() -> list[Row]:
    """What the page files say."""
    rows = []
    for book, pages in BOOKS.items():
        state, school, year = book.split("/")
        for number, page in enumerate(pages or [None], 1):
            row: Row = {"key": f"{state}:{school}:{year}:{number}", "state": state}
            row |= {"school": school, "year": int(year), "page": number}
            if page is None:
                reason = "3 failures, the last one APIError" if pages else None
                row["missing"] = reason or "its book is not finished"
                row["link"] = f"site/{book}/index.html#page={number}" if pages else None
            else:
                row |= {"printed_page": "xii", "corrected": number == 2, "flags": "Echo"}
                row |= {"model_served": "gemini-x-001", "read_year": page["year"]}
                row["link"] = f"site/{book}/index.html#page={number}"
                row |= {name: page[name] for name in ("date", "place", "kind", LONG)}
                row |= {f"sender_{name}": v for name, v in (page["sender"] or {}).items()}
                row["words"] = row["text"] = page["words"].replace("\x07", "�").replace("\x1b", "�")
                row["text_joined"] = row["text"].replace(
                    "Geo-\nmetry, text-\nbook; a text-book", "Geometry,\ntext-book;\na text-book"
                )
            rows.append(row)
    return rows


@pytest.mark.parametrize("form", TABLES)
def test_another_program_reads_the_values_of_the_page_files(form: str, folder: Path) -> None:
    expected = _expected_pages()
    found = READERS[form](folder, "pages")
    assert len(found) == len(expected) == 5
    for row, wanted in zip(found, expected, strict=True):
        names = ["key", "state", "school", "year", "page", "printed_page", "missing", "corrected"]
        names += [
            "flags",
            "model_served",
            "link",
            "text",
            "text_joined",
            "sender_name",
            "sender_town",
        ]
        assert list(row) == [*names, "date", "place", "read_year", "kind", LONG, "words"]
        assert {name: _plain(value) for name, value in row.items()} == {
            name: _plain(wanted.get(name)) for name in row
        }


@pytest.mark.parametrize("form", TABLES)
def test_each_object_of_a_list_is_a_row_with_its_page(form: str, folder: Path) -> None:
    found = READERS[form](folder, "enclosures")
    place = ("key", "number", "printed_page", "corrected", "model_served", "what", "pieces", "sent")
    givers = '[{"name": "Bo", "town": null}]'
    rows = [
        ("Ohio:Elm:1850:1", "1", "xii", "0", "gemini-x-001", "a key", "2", "1852-01-02"),
        ("Ohio:Elm:1850:1", "2", "xii", "0", "gemini-x-001", "-", "", "1852-01-02"),
        ("Vermont:Oak:1866:1", "1", "xii", "0", "gemini-x-001", "a key", "2", ""),
    ]
    lists = {"marks": '["\u017f", "x"]', "givers": givers}
    assert [{name: _plain(row[name]) for name in (*place, *lists)} for row in found] == [
        dict(zip(place, row, strict=True)) | lists for row in rows
    ]


@pytest.mark.parametrize("form", TABLES)
def test_books_without_a_row_of_a_table_leave_its_columns_and_their_types(
    form: str, tmp_path: Path
) -> None:
    bare = Letters(tmp_path, {"Ohio/Elm/1850": [letter()]}).write(form)
    assert READERS[form](bare, "enclosures") == []
    assert len(READERS[form](bare, "pages")) == 1
    if form == "parquet":
        assert polars.read_parquet_schema(bare / "parquet/enclosures.parquet")["kept"] == (
            polars.Boolean
        )
    if form == "csv":
        assert (bare / "csv/enclosures.csv").read_text().startswith("key,state,school,year,page,")


def test_types_follow_from_the_page_model(folder: Path) -> None:
    schema = polars.read_parquet_schema(folder / "parquet/enclosures.parquet")
    kinds = {name: str(schema[name]) for name in ("pieces", "weight", "sent", "kept", "marks")}
    assert kinds == {
        "pieces": "Int64",
        "weight": "Float64",
        "sent": "Date",
        "kept": "Boolean",
        "marks": "String",
    }
    with duckdb.connect(str(folder / "duckdb/books.duckdb"), read_only=True) as database:
        types = dict(
            database.sql("SELECT column_name, column_type FROM (DESCRIBE pages)").fetchall()
        )
        comment = "SELECT comment FROM duckdb_columns() WHERE column_name = 'sender_name'"
        assert database.sql(comment).fetchall() == [("The name as written.",)]
    assert (types["date"], types["read_year"], types["corrected"]) == ("DATE", "BIGINT", "BOOLEAN")


def test_the_codebook_tells_of_each_column_what_the_model_was_told(folder: Path) -> None:
    rows = {(row["table"], row["column"]): row for row in _csv(folder, "codebook")}
    assert rows["enclosures", "what"]["meaning"] == "What it is."
    assert rows["enclosures", "what"]["field"] == "enclosures[].what"
    assert rows["pages", "sender_name"]["field"] == "sender.name"
    assert rows["pages", "kind"]["values"] == "draft; copy"
    assert rows["pages", "read_year"]["field"] == "year"
    assert rows["pages", LONG]["stata"] == LONG[:32]
    columns = {
        (table, column)
        for table in ("pages", "enclosures")
        for column in READERS["parquet"](folder, table)[0]
    }
    assert columns < rows.keys() and len(columns) > 30
    page = (folder / "codebook/codebook.md").read_text(encoding="utf-8")
    assert "| what | what | text | What it is. |  | enclosures[].what |" in page
    assert "## enclosures\n\nAll that came with it.\n" in page


def test_our_page_model_has_tables_of_pages_courses_and_blocks() -> None:
    schema = schema_of(load_prompt(ROOT / "prompts", "page_ocr", "v1.1.jinja").page_model)
    tables = {table.name: [column.name for column in table.columns] for table in schema.tables}
    assert list(tables) == ["pages", "raw_ocr_text_blocks", "courses"]
    assert schema.printed == ("page_info", "page_number")
    assert all("printed_page" in columns for columns in tables.values())
    assert tables["courses"][-4:] == ["description", "topics", "instructors", "textbooks"]
    assert "page_info_content_type" in tables["pages"]


class Tone(Enum):
    LOUD = "loud"
    LOW = "low"


class Reply(BaseModel):
    words: str
    replies: list["Reply"]
    first: "Reply | None"


class OddPage(PageModel):
    """Fields that another page model may have."""

    codebook: list[Reply]
    Text: str
    text_: str
    key: int | str
    tone: Tone | None
    when: datetime.datetime
    grid: list[list[int]]
    reply: Reply | None
    number: Literal[1, 2]
    place: Annotated[float | None, Field(description="Where | how\nfar.")]

    def text(self) -> str:
        return ""

    def context(self) -> str:
        return ""


def test_odd_fields_have_columns_of_their_own_too(tmp_path: Path) -> None:
    tables = schema_of(OddPage).tables
    pages = {column.field: (column.name, column.kind.name) for column in tables[0].columns}
    del pages[""]
    assert pages == {
        "Text": ("read_Text", "TEXT"),
        "text_": ("text_", "TEXT"),
        "key": ("read_key", "JSON"),
        "tone": ("tone", "TEXT"),
        "when": ("when", "TEXT"),
        "grid": ("grid", "JSON"),
        "reply": ("reply", "JSON"),
        "number": ("number", "JSON"),
        "place": ("place", "NUMBER"),
    }
    # Two tables of one name would be one file; what holds itself is JSON.
    assert [table.name for table in tables] == ["pages", "codebook_2"]
    assert [column.name for column in tables[1].columns[-3:]] == ["words", "replies", "first"]
    [tone] = [column for column in tables[0].columns if column.name == "tone"]
    assert tone.choices == ("loud", "low")
    file = tmp_path / "codebook.md"
    Codebook().write(Books(tmp_path, [], OddPage), [file])
    assert "Where \\| how far." in file.read_text(encoding="utf-8")


# Spreadsheets


def test_a_text_that_looks_like_a_formula_stays_a_text(folder: Path) -> None:
    sheet = openpyxl.load_workbook(folder / "excel/books.xlsx")["pages"]
    cells = {cell.value: cell.data_type for row in sheet.iter_rows() for cell in row}
    assert cells["=cmd()"] == "s"
    assert "f" not in cells.values()
    raw = (folder / "csv/pages.csv").read_text(encoding="utf-8")
    assert "'=cmd()" in raw and ",=cmd" not in raw
    assert "an apostrophe in front" in (folder / "csv/notes.txt").read_text(encoding="utf-8")


def test_what_a_cell_of_excel_can_not_hold_is_told_and_seen(tmp_path: Path) -> None:
    long, large = "w" * 40_000, 10**15 + 1
    letters = Letters(
        tmp_path,
        {"Ohio/Elm/1850": [letter(words=long, place="\ufffe_x0041_", **{LONG: large})]},
    )
    [row] = _excel(letters.write("excel"), "pages")
    assert row["words"].startswith("www") and len(row["words"]) <= 32_767
    assert row["words"].endswith("[…cut: 40,000 characters; the other forms have all]")
    assert row["place"] in ("�_x0041_", "�_x005F_x0041_")  # openpyxl leaves it escaped
    assert row[LONG] == str(large)
    notes = (tmp_path / "results/exports/excel/notes.txt").read_text(encoding="utf-8")
    assert "Ohio:Elm:1850:1: words has 40,000 characters, and a cell takes 32,767" in notes
    letters.put("Ohio/Elm/1850", [letter()])
    letters.write("excel")
    assert not (tmp_path / "results/exports/excel/notes.txt").exists()


def test_a_sheet_that_is_full_goes_on_in_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A million rows would take a minute.
    monkeypatch.setattr("pagewave.exports.forms.excel.MOST_ROWS", 3)
    pages = [letter(enclosures=[enclosure(pieces=n) for n in range(5)])]
    folder = Letters(tmp_path, {"Ohio/Elm/1850": pages}).write("excel")
    sheets = ["enclosures", "enclosures (2)", "enclosures (3)"]
    pieces = [[row["pieces"] for row in _excel(folder, sheet)] for sheet in sheets]
    assert pieces == [[0, 1], [2, 3], [4]]
    assert "goes on in the sheet enclosures (2)" in (folder / "excel/notes.txt").read_text()


# Stata


def test_stata_has_labels_long_texts_and_names_that_it_takes(tmp_path: Path) -> None:
    pages = [letter(words="ä" * 3000, **{LONG: 2**60}), letter(), None]
    folder = Letters(tmp_path, {"Ohio/Elm/1850": pages}).write("stata")
    frame, about = pyreadstat.read_dta(folder / "stata/pages.dta", output_format="polars")
    assert frame["words"].to_list() == ["ä" * 3000, "Dear Bo", ""]
    assert frame[LONG[:32]].to_list() == [str(2**60), "7", ""]
    labels = about.column_names_to_labels
    assert labels["sender_name"] == "The name as written."
    assert len(labels["date"]) == 80 and labels["date"].endswith("…")
    assert about.variable_value_labels["corrected"] == {0: "no", 1: "yes"}
    assert about.file_label == "A row a page, read or not."
    notes = (folder / "stata/notes.txt").read_text(encoding="utf-8")
    assert f"{LONG} is called {LONG[:32]}" in notes and "no whole numbers so large" in notes


def test_a_number_that_no_table_holds_is_left_out_and_told(tmp_path: Path) -> None:
    pages = [letter(**{LONG: 2**70})]
    folder = Letters(tmp_path, {"Ohio/Elm/1850": pages}).write("sqlite")
    assert _sqlite(folder, "pages")[0][LONG] is None
    notes = (folder / "sqlite/notes.txt").read_text(encoding="utf-8")
    assert f"Ohio:Elm:1850:1: {LONG} is {2**70}, which no table holds" in notes


# SQLite


def test_sqlite_is_searched_as_datasette_does(folder: Path) -> None:
    file = folder / "sqlite/books.sqlite"
    command = [sys.executable, "-m", "sqlite_utils", "search", file, "pages", "-c", "key"]
    for words, keys in {
        "geometry": ["Ohio:Elm:1850:2"],
        "said": ["Vermont:Oak:1866:1"],
        "nowhere": [],
    }.items():
        found = json.loads(subprocess.check_output([*command, words]))
        assert [row["key"] for row in found] == keys, words
    with closing(sqlite3.connect(file)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_datasette_opens_it_and_finds_words(folder: Path) -> None:
    from datasette.app import Datasette  # two seconds, in each worker

    datasette = Datasette([str(folder / "sqlite/books.sqlite")])

    async def keys(table: str, words: str) -> list[str]:
        address = f"/books/{table}.json?_shape=array&_search={words}"
        found = await datasette.client.get(address)
        assert found.status_code == 200, found.text
        return [row["key"] for row in found.json()]

    async def look() -> None:
        await datasette.invoke_startup()
        assert await keys("pages", "geometry") == ["Ohio:Elm:1850:2"]
        assert await keys("pages", "said") == ["Vermont:Oak:1866:1"]
        assert await keys("enclosures", "key") == ["Ohio:Elm:1850:1", "Vermont:Oak:1866:1"]
        assert await keys("pages", "nowhere") == []
        page = await datasette.client.get("/books/pages?_search=geometry")
        assert "Geo-" in page.text

    asyncio.run(look())


# What is published


def test_no_export_tells_more_than_the_fields_that_may_be_told(folder: Path) -> None:
    files = [file for file in folder.rglob("*") if file.is_file()]
    shown = [file.read_bytes().decode("utf-8", "replace") for file in files]
    # Some pack what they hold.
    shown += [repr(READERS[form](folder, "pages")) for form in TABLES]
    assert len(shown) > len(OF_BOOKS) and all("Elm" in text for text in shown[-len(TABLES) :])
    secrets = [str(folder.parent), "/home/anna", "batches/secret", "secret.example", "0.123"]
    told = json.dumps(SECRETS)
    assert [secret in told for secret in secrets] == [False] + [True] * 4
    assert not [secret for secret in secrets for text in shown if secret in text]


def test_what_is_missing_is_told_with_its_count(folder: Path) -> None:
    notes = (folder / "csv/notes.txt").read_text(encoding="utf-8")
    assert "2 of 5 pages are not in it, of 2 books" in notes


def test_a_broken_book_is_named_with_the_command_that_makes_it_again(tmp_path: Path) -> None:
    letters = Letters(tmp_path, {"Ohio/Elm/1850": [letter()]})
    file = tmp_path / "results/books/Ohio/Elm/1850/book.json"
    file.write_text(file.read_text().replace('"draft"', '"poem"'))
    books = Books(letters.settings.paths.books_dir, letters.dataset.books, letters.model)
    with pytest.raises(Exception, match=r"book\.json: .*kind.*It can't be exported.*snakemake"):
        list(books)


def test_ours_have_blocks_and_courses(tmp_path: Path) -> None:
    model = (ROOT / "prompts/page_ocr/page.py").read_text(encoding="utf-8")
    course: Row = dict.fromkeys(["course_name", "department", "level", "term", "description"])
    course |= {"topics": None, "instructors": ["A. B."], "textbooks": [], "course_name": "Latin"}
    pages = [page_ocr("LATIN.", courses=[course]), page_ocr("x")]
    folder = Letters(tmp_path, {"Ohio/Elm/1850": pages}, model).write("csv")
    [row] = _csv(folder, "courses")
    assert (row["course_name"], row["instructors"], row["topics"]) == ("Latin", '["A. B."]', "")
    assert (row["printed_page"], row["page"], row["number"]) == ("14", "1", "1")
    assert len(_csv(folder, "raw_ocr_text_blocks")) == 2
