"""`datapackage.json`: the tables of a data package and each of their columns, as Frictionless has
it, and the same read back.

Source: specs.frictionlessdata.io, Data Package, Table Schema and CSV Dialect. `field` is ours:
where a page's `answer` has a column's value, as `courses[].term`; columns without are pagewave's.
"""

import re
from collections.abc import Mapping
from typing import Any

from pagewave.characters import FORMULA
from pagewave.config.citation import Citation
from pagewave.exports.citing.names import doi_address, license_address, title_of
from pagewave.exports.schema import CODEBOOK_TABLE, Column, Kind, Schema, Table

DESCRIPTION = "datapackage.json"
FOLDER = "tables"
"""Where the tables are."""

_TYPES = {
    Kind.TEXT: "string",
    Kind.INTEGER: "integer",
    Kind.NUMBER: "number",
    Kind.BOOLEAN: "boolean",
    Kind.DATE: "date",
    Kind.JSON: "any",  # an object, a list, or either
}


def datapackage(
    schema: Schema, citation: Citation, summary: Mapping[str, Any], files: Mapping[str, Any]
) -> dict[str, Any]:
    """The description of all tables.

    Args:
        files: hash and size of each file by name.
    """
    title = title_of(citation, summary, schema.levels)
    about: dict[str, Any] = {
        "profile": "data-package",
        "name": re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:60] or "books",
        "title": title,
        "description": citation.description,
        "id": doi_address(citation.doi) if citation.doi else None,
        "version": citation.version,
        "licenses": _licenses(citation),
        "contributors": [
            _without_none(
                {
                    "title": creator.name,
                    "role": "author",
                    "path": f"https://orcid.org/{creator.orcid}" if creator.orcid else None,
                    "organization": creator.affiliation,
                }
            )
            for creator in citation.creators
        ],
        "readingRoom": citation.url,
        "resources": [
            _resource(table, schema, files) for table in (*schema.tables, CODEBOOK_TABLE)
        ],
    }
    return _without_none({name: value for name, value in about.items() if value != []})


def schema_in(about: Mapping[str, Any]) -> tuple[Schema, dict[str, str]]:
    """The tables that a description is of, and the file of each by its name.

    Raises:
        KeyError, ValueError, TypeError: it is not such a description.
    """
    kinds = {name: kind for kind, name in _TYPES.items()}
    tables, files = [], {}
    for resource in about["resources"]:
        columns = tuple(
            Column(each["name"], kinds[each["type"]], field=each.get("field", ""))
            for each in resource["schema"]["fields"]
        )
        path = tuple(filter(None, resource.get("list", "").split(".")))
        tables.append(Table(resource["title"], columns, path=path))
        files[resource["title"]] = resource["path"]
    tables = [table for table in tables if table.name != CODEBOOK_TABLE.name]
    printed = [c.field for c in tables[0].columns if c.name == "printed_page" and c.field]
    return Schema(tuple(tables), tuple(printed[0].split(".")) if printed else ()), files


def table_file(table: Table) -> str:
    """Where a table is."""
    return f"{FOLDER}/{table.name}.csv"


def _resource(table: Table, schema: Schema, files: Mapping[str, Any]) -> dict[str, Any]:
    sha256, size = files[table_file(table)]
    first = schema.tables[0]
    keys: dict[str, Any] = {}
    if table is first:
        keys = {"primaryKey": ["key"]}
    elif table is not CODEBOOK_TABLE:
        reference = {"resource": _name(first), "fields": ["key"]}
        keys = {
            "primaryKey": ["key", "number"],
            "foreignKeys": [{"fields": ["key"], "reference": reference}],
        }
    return _without_none(
        {
            "name": _name(table),
            "title": table.name,
            "description": table.meaning or None,
            "profile": "tabular-data-resource",
            "path": table_file(table),
            "list": ".".join(table.path) or None,
            "format": "csv",
            "mediatype": "text/csv",
            "encoding": "utf-8",
            "bytes": size,
            "hash": f"sha256:{sha256}",
            "dialect": {"delimiter": ",", "lineTerminator": "\n", "quoteChar": '"'},
            "schema": {
                "fields": [_field(column) for column in table.columns],
                "missingValues": [""],
                **keys,
            },
        }
    )


def _field(column: Column) -> dict[str, Any]:
    choices = list(column.choices)
    # One that a spreadsheet would take for a formula has an apostrophe in the table.
    is_listed = column.kind == Kind.TEXT and choices and not any(map(_is_formula, choices))
    return _without_none(
        {
            "name": column.name,
            "type": _TYPES[column.kind],
            "description": column.meaning or None,
            "field": column.field or None,
            "constraints": {"enum": choices} if is_listed else None,
        }
    )


def _is_formula(text: str) -> bool:
    return text.startswith(FORMULA)


def _name(table: Table) -> str:
    """A table's name as Frictionless takes it."""
    return re.sub(r"[^a-z0-9._-]", "-", table.name.lower())


def _licenses(citation: Citation) -> list[dict[str, str]]:
    if not citation.license:
        return []
    path = license_address(citation.license)
    named = {} if path == citation.license else {"name": citation.license}
    return [{**named, "path": path}]


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
