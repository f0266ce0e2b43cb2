"""The data package to cite: pages, tables and all that describes them, in a zip for Zenodo.

The same books and configuration make the same bytes (of one version of zlib, which packs it).
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pagewave.exports.citing.archive import Archive
from pagewave.exports.citing.datasheet import CITATION, SHEET, citation_file, datasheet
from pagewave.exports.citing.metadata import DESCRIPTION as CRATE
from pagewave.exports.citing.metadata import WORKFLOW, metadata
from pagewave.exports.citing.records import as_text, page_name, record_of
from pagewave.exports.citing.summary import FILE as SUMMARY
from pagewave.exports.citing.summary import Summary
from pagewave.exports.citing.tables import DESCRIPTION as TABLES
from pagewave.exports.citing.tables import datapackage, table_file
from pagewave.exports.content import Books
from pagewave.exports.exporter import Exporter
from pagewave.exports.forms.csv_files import CsvFiles
from pagewave.exports.schema import CODEBOOK_TABLE
from pagewave.own_files import ROOT as PROJECT
from pagewave.redaction import hide_keys
from pagewave.words.audit.certificate import FILE as CERTIFICATE

PAGE_SCHEMA = "page.schema.json"


class Crate(Exporter):
    """`books.zip`."""

    name = "crate"
    suffixes = (".zip",)
    carries_certificate = True

    def write(self, books: Books, files: Sequence[Path]) -> None:
        """Write it: pages one after another, then tables, then what follows from them."""
        with Archive(files[0]) as archive:
            _write(books, archive, files[0])


def _write(books: Books, archive: Archive, file: Path) -> None:
    summary = Summary(books.levels)
    for book in books:
        for page in book.pages:
            record = record_of(book, page)
            summary.add(record)
            archive.add(page_name(record, books.levels), as_text(record))
    _add_tables(archive, books, file)
    _add_workflow(archive, books)
    numbers, citation = summary.as_json(), books.citation
    archive.add(SUMMARY, _json(numbers))
    archive.add(PAGE_SCHEMA, _json(books.model.model_json_schema()))
    archive.add(TABLES, _json(datapackage(books.schema, citation, numbers, archive.files)))
    if books.audited:
        archive.add(CERTIFICATE, books.audited.certificate.as_text())
    given = (citation, numbers, books.tables, books.notes, books.levels, books.audited)
    archive.add(SHEET, datasheet(*given))
    if cited := citation_file(citation, numbers, books.levels):
        archive.add(CITATION, cited)
    else:
        books.tell("it names nobody who made it, and has no CITATION.cff: citation.creators.")
    if not citation.license:
        books.tell("it names no licence, so that nobody may use it: citation.license.")
    meanings = _meanings(archive, books)
    about = metadata(citation, numbers, archive.files, meanings, books.levels)
    archive.add(CRATE, _json(about))
    archive.add_manifest()


def _add_tables(archive: Archive, books: Books, file: Path) -> None:
    tables = (*books.tables, CODEBOOK_TABLE)
    # Their names begin as the zip's does: what a crash leaves goes with that.
    between = [Path(f"{file}.{table.name}.csv") for table in tables]
    CsvFiles().write(books, between)
    for table, written in zip(tables, between, strict=True):
        archive.move(table_file(table), written)


def _add_workflow(archive: Archive, books: Books) -> None:
    """The rules; where pagewave is installed as a package alone, there are none.

    They are the only files that are taken as they are, and somebody may have changed them.
    """
    rules = sorted((PROJECT / "rules").glob("*.smk"))
    found = [file for file in (PROJECT / "Snakefile", *rules) if file.is_file()]
    places = [str(place) for place in (Path.cwd(), Path.home()) if len(place.parts) > 1]
    for file in found:
        text = file.read_text(encoding="utf-8", errors="replace")
        if hide_keys(text) != text or any(place in text for place in places):
            books.tell(
                f"it is without the workflow, as {file.name} holds a key or the name of a folder "
                "of this computer."
            )
            return
    for file in found:
        name = file.relative_to(PROJECT).as_posix()
        archive.add(f"{WORKFLOW}/{name}", file.read_bytes())


def _meanings(archive: Archive, books: Books) -> Mapping[str, str]:
    """What is in each file, but for those of pages."""
    found = {
        table_file(table): table.meaning or "Objects of pages."
        for table in (*books.tables, CODEBOOK_TABLE)
    }
    found |= {
        SHEET: "What this is, in words.",
        CITATION: "How it is to be cited.",
        SUMMARY: "Its numbers: pages read, missing, corrected, flagged; models and prompts.",
        TABLES: "Tables and columns, as Frictionless has them.",
        CERTIFICATE: "How accurate it is, by a random sample of lines that people judged.",
        PAGE_SCHEMA: "What the answer of a page looks like.",
    }
    for name in archive.files:
        if name.startswith(f"{WORKFLOW}/"):
            found[name] = "Part of the workflow that read the pages."
    return {name: meaning for name, meaning in found.items() if name in archive.files}


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"
