"""`datasheet.md`, which says in words what a data package is, and `CITATION.cff`.

The questions follow "Datasheets for Datasets" (Gebru et al., doi.org/10.1145/3458723) as far as a
program knows the answer. CITATION.cff is version 1.2.0 (citation-file-format.github.io).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

import pagewave
from pagewave.config.citation import Citation, Creator
from pagewave.exports.citing.names import (
    NO_LICENSE,
    description_of,
    doi_address,
    is_person,
    license_address,
    published_on,
    title_of,
)
from pagewave.exports.citing.summary import READER
from pagewave.exports.schema import Table
from pagewave.levels import Levels
from pagewave.wording import count
from pagewave.words.audit.certificate import FILE as CERTIFICATE
from pagewave.words.audit.certificate import Audited, told

SHEET = "datasheet.md"
CITATION = "CITATION.cff"


def datasheet(
    citation: Citation,
    summary: Mapping[str, Any],
    tables: Sequence[Table],
    notes: Sequence[str],
    levels: Levels,
    audited: Audited | None = None,
) -> str:
    """What a package holds, how it was read, what is missing, its limits, and how it is checked.

    Args:
        notes: which limits of the tables were met.
        audited: the certificate that it carries, if there is one.
    """
    return "\n\n".join(
        [
            f"# {_plain(title_of(citation, summary, levels))}",
            _plain(description_of(citation, summary)),
            _cited(citation, summary, levels),
            _holds(summary, tables, levels),
            *([_accuracy(audited)] if audited else []),
            _how_read(summary),
            _missing(summary),
            _doubts(summary),
            _limits(notes, audited is not None),
            _checked(),
        ]
    ).replace("\n\n\n", "\n\n")


def citation_file(citation: Citation, summary: Mapping[str, Any], levels: Levels) -> str | None:
    """What CITATION.cff holds; None without creators, whom it must name."""
    if not citation.creators:
        return None
    content: dict[str, Any] = {
        "cff-version": "1.2.0",
        "message": "If you use these data, please cite them as below.",
        "type": "dataset",
        "title": title_of(citation, summary, levels),
        "abstract": description_of(citation, summary),
        "authors": [_author(creator) for creator in citation.creators],
        "date-released": published_on(citation, summary),
    }
    if citation.version:
        content["version"] = citation.version
    if citation.doi:
        content["doi"] = citation.doi
    if citation.url:
        content["url"] = citation.url
    if citation.license:
        is_address = license_address(citation.license) == citation.license
        content["license-url" if is_address else "license"] = citation.license
    text: str = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=1000)
    return text


def _author(creator: Creator) -> dict[str, str]:
    if not is_person(creator):
        return {"name": creator.name}
    family, _, given = creator.name.partition(",")
    author = {"family-names": family.strip()}
    if given.strip():
        author["given-names"] = given.strip()
    if creator.affiliation:
        author["affiliation"] = creator.affiliation
    if creator.orcid:
        author["orcid"] = f"https://orcid.org/{creator.orcid}"
    return author


def _cited(citation: Citation, summary: Mapping[str, Any], levels: Levels) -> str:
    lines = ["## Citation", ""]
    names = "; ".join(_plain(creator.name) for creator in citation.creators)
    year = published_on(citation, summary)[:4]
    named = f"{names} " if names else ""
    lines.append(f"{named}({year}): {_plain(title_of(citation, summary, levels))}.")
    if citation.publisher:
        lines[-1] += f" {_plain(citation.publisher)}."
    if citation.doi:
        lines[-1] += f" <{doi_address(citation.doi)}>"
    licence = citation.license
    said = f"Licence: {licence} (<{license_address(licence)}>)" if licence else NO_LICENSE
    return "\n".join([*lines, "", said])


def _holds(summary: Mapping[str, Any], tables: Sequence[Table], levels: Levels) -> str:
    lines = [
        "## What it holds",
        "",
        f"{count(summary['pages_read'], 'page')} that were read, of "
        f"{count(summary['pages'], 'page')} of {count(summary['books'], 'book')}.",
        "",
        "| file | what |",
        "|---|---|",
    ]
    lines += [f"| `tables/{table.name}.csv` | {_cell(table.meaning)} |" for table in tables]
    lines += [
        "| `tables/codebook.csv` | What each column of the tables is. |",
        f"| `pages/{levels.pattern}/{{page}}.json` | A page: what it says (`answer`, as "
        "corrected), and how that came about (`provenance`, `correction`). |",
        "| `page.schema.json` | What an `answer` looks like, as JSON schema. |",
        "| `summary.json` | The numbers on this page. |",
        "| `datapackage.json` | Tables and columns for programs (Frictionless). |",
        "| `ro-crate-metadata.json` | All of it for programs (RO-Crate, Provenance Run Crate). |",
        "| `manifest-sha256.txt` | The hash of each file. |",
        "",
        "Images of pages are not in it. Each page's file has the SHA-256 of the image that was "
        "sent. The column `link` leads to the page in the reading room.",
    ]
    return "\n".join(lines)


def _how_read(summary: Mapping[str, Any]) -> str:
    lines = [
        "## How it was read",
        "",
        f"By pagewave {pagewave.__version__}: each page's image was sent to a model with a prompt, "
        "and in a run of consecutive pages with what the page before said. The answer had to fit "
        "the page model (`page.schema.json`), and was checked for loops, echoes of the prompt, "
        "text on blank paper and the like.",
        "",
        "| model asked for | model that answered | prompt | SHA-256 of its template | pages | from "
        "| to |",
        "|---|---|---|---|---|---|---|",
    ]
    for each in summary["readings"]:
        cells = (
            *(each[name] for name in ("model_asked", "model_served")),
            f"{each['prompt_name']} {each['prompt_version']}",
            *(each[name] for name in ("prompt_sha256", "pages", "first_read_at", "last_read_at")),
        )
        lines.append(f"| {' | '.join(_cell(str(cell or '')) for cell in cells)} |")
    asked = {each["model_asked"] for each in summary["readings"]}
    if READER in asked:
        lines += [
            "",
            f"`{READER}`: no language model. It is there to try the workflow, and reads badly.",
        ]
    if attempts := summary["pages_by_attempt"]:
        told = ", ".join(f"attempt {number}: {pages}" for number, pages in attempts.items())
        lines += ["", f"Pages by the attempt that was taken: {told}."]
    if costs := summary.get("costs"):
        lines += [
            "",
            f"Tokens of the answers that were taken: {costs['prompt_tokens']:,} in, "
            f"{costs['output_tokens']:,} out, {costs['thoughts_tokens']:,} of thought; "
            f"{costs['usd']:.2f} USD. Of {count(costs['pages_unpriced'], 'page')} no price is "
            "known.",
        ]
    return "\n".join(lines)


def _missing(summary: Mapping[str, Any]) -> str:
    lines = ["## What is missing", ""]
    if not summary["pages_missing"]:
        lines.append("Nothing: all pages were read.")
        return "\n".join(lines)
    lines += [
        f"{count(summary['pages_missing'], 'page')}. They have a row in `tables/pages.csv`, "
        "with the reason in `missing` and nothing else; count without them.",
        "",
    ]
    lines += [f"- {_plain(why)}: {pages}" for why, pages in summary["why_missing"].items()]
    return "\n".join(lines)


def _doubts(summary: Mapping[str, Any]) -> str:
    lines = [
        "## Corrections and doubts",
        "",
        f"{count(summary['pages_corrected'], 'page')} corrected by people (`corrected` in tables; "
        "a page's file says when, and which fields). "
        f"{count(summary['pages_flagged'], 'page')} in doubt (`flags`).",
    ]
    if summary["flags"]:
        lines.append("")
        lines += [f"- {flag}: {pages}" for flag, pages in summary["flags"].items()]
    if summary["pages_of_unknown_origin"]:
        lines += [
            "",
            f"Of {count(summary['pages_of_unknown_origin'], 'page')} it is not known how they were "
            "read: their files came from elsewhere.",
        ]
    return "\n".join(lines)


def _accuracy(audited: Audited) -> str:
    made = audited.certificate
    lines = [
        "## How accurate it is",
        "",
        f"People compared lines with their scans, drawn at random from {made.lines:,} lines of "
        f"{count(len(made.pages), 'page')} (`{CERTIFICATE}`, {made.made_at[:10]}). {made.method}",
        "",
        "| figure | in percent | 95 % interval | judged | share |",
        "|---|---|---|---|---|",
    ]
    meanings = list(made.meanings.values())
    for (name, value, interval, judged), meaning in zip(told(made.figures), meanings, strict=True):
        lines.append(f"| {name} | {value} | {interval} | {judged} | {_cell(meaning)} |")
    if made.pages_without:
        lines += ["", f"It says nothing of {count(made.pages_without, 'page')} that were read."]
    if audited.changed:
        lines += [
            "",
            f"{count(audited.changed, 'page')} changed since: it stands for them as they were.",
        ]
    return "\n".join(lines)


def _limits(notes: Sequence[str], is_certified: bool) -> str:
    how_many = (
        "How many, see above; which, nobody knows."
        if is_certified
        else "No figure here says how many; compare a sample with the images."
    )
    lines = [
        "## Known limits",
        "",
        "- Models make mistakes that look right: letters, figures and names that stand on no page. "
        + how_many,
        "- Pages without a flag can be wrong, and flagged ones right.",
        "- Spelling is meant to be as printed, but models modernize now and then.",
        "- The same request may be answered otherwise tomorrow; these are the answers that came.",
    ]
    return "\n".join([*lines, *(f"- {_plain(note)}" for note in notes)])


def _checked() -> str:
    return "\n".join(
        [
            "## How to check it",
            "",
            "    sha256sum --check --quiet manifest-sha256.txt",
            "    pagewave verify --package FOLDER_OR_ZIP",
            "    pagewave verify --page KEY",
            "",
            "The first finds files that were changed. So does the second, which also counts again, "
            "and compares tables with pages, cell by cell. The third works where the package was "
            "made, and follows a page from its image over request and raw answer to here.",
            "",
            "Each page's `fingerprint` is a SHA-256 of all that determined its answer: model, "
            "settings, schema, prompt and image. The raw answers are in the ledger of those who "
            "made it.",
            "",
        ]
    )


def _plain(text: str) -> str:
    """On one line, and no markup of its own."""
    line = " ".join(text.split())
    return line.replace("<", "&lt;").replace("[", "\\[").replace("`", "\\`")


def _cell(text: str) -> str:
    return _plain(text).replace("|", "\\|")
