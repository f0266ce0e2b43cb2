"""Print how well pages were read, against the truth of the bundled sample (or another folder's).

CER and WER are errors a true character and word, in reading order; of words found in any order
(the bag of words) precision and recall are told.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from pagewave.answers.scores import FACTS, PageScore, Scores, score_pages, totals
from pagewave.commands.command import Place, command_parser, find_place
from pagewave.commands.folders import typed_path
from pagewave.commands.trials.differences import write_differences
from pagewave.console import table
from pagewave.errors import PagewaveError
from pagewave.ledger import Ledger

EXAMPLES = """examples:
  %(prog)s                                      what was read of the sample
  %(prog)s --truth my/truth                     of your own pages
  %(prog)s --html differences.html              every word that is wrong, in a file to look at
  %(prog)s --configfile other.yaml --json"""

NOTHING_TO_SCORE = 2
"""The exit code when there are no pages to score, or files that are no pages."""
CORRECTED = "corrected by a person"
"""In place of a prompt and a model: whose words these are."""

Groups = dict[str, dict[str, list[PageScore]]]
"""Scores by what the pages have in common: book, prompt, model; then by its name."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, score, print; returns the exit code."""
    parser = command_parser(__doc__, EXAMPLES)
    what = "a folder of answers (paths.output_dir)"
    parser.add_argument("--answers", type=typed_path, metavar="DIR", help=what)
    hidden = argparse.SUPPRESS
    parser.add_argument("--pages", type=typed_path, dest="answers", default=hidden, help=hidden)
    truth = Path("resources/sample/truth")
    what = "truth (%(default)s)"
    parser.add_argument("--truth", type=typed_path, metavar="DIR", default=truth, help=what)
    what = "where an HTML page with the differences in words goes, the worst page first"
    parser.add_argument("--html", type=typed_path, metavar="FILE", help=what)
    options = parser.parse_args(arguments)
    try:
        # Of pages that lie elsewhere, a ledger here knows nothing.
        place = None if options.answers else find_place(options)
        answers = place.settings.paths.output_dir if place else options.answers
        scores = score_pages(answers, options.truth)
        groups = _groups(scores.pages, _readers(place) if place else {}, place)
        if options.html:
            write_differences(options.html, scores.pages, answers, options.truth)
    except PagewaveError as error:
        print(f"pagewave: {error}", file=sys.stderr)
        return NOTHING_TO_SCORE
    if options.json:
        pages = [score.as_dict() for score in scores.pages]
        report = {"pages": pages, "unread": scores.unread, **totals(scores.pages)}
        for kind, found in groups.items():
            report[f"by_{kind}"] = {name: _in_all(some) for name, some in found.items()}
        print(json.dumps(report, indent=1, ensure_ascii=False))
    else:
        _print(scores, groups)
        if options.html:
            print(f"Differences in words: {options.html}")
    return 0


def _readers(place: Place) -> dict[str, dict[str, str]]:
    """Which prompt and which model the ledger knows of each page that is on file, by key."""
    readers = {}
    for row in Ledger.peek(place.ledger).files.provenance():
        is_gemini = row["engine"] == "gemini"
        model = (row["model_served"] or row["model"]) if is_gemini else "the embedded reader"
        prompt = f"{row['prompt_name']} {row['prompt_template'].removesuffix('.jinja')}"
        readers[row["key"]] = {"prompt": prompt, "model": model}
    return readers


def _groups(
    scores: Sequence[PageScore], readers: Mapping[str, Mapping[str, str]], place: Place | None
) -> Groups:
    groups: Groups = {"book": {}}
    for score in scores:
        *folders, stem = score.name.split("/")
        groups["book"].setdefault("/".join(folders), []).append(score)
        number = int(stem) if stem.isdecimal() else stem
        reader = readers.get(":".join((*folders, str(number))), {})
        if place and (place.settings.paths.corrections_dir / f"{score.name}.json").exists():
            reader = dict.fromkeys(reader, CORRECTED)
        for kind, name in reader.items():
            groups.setdefault(kind, {}).setdefault(name, []).append(score)
    return groups


def _in_all(scores: Sequence[PageScore]) -> dict[str, Any]:
    return {"pages": len(scores), **totals(scores)}


def _print(scores: Scores, groups: Groups) -> None:
    """The table of the pages, one of what they have in common, and a few lines of totals."""
    console = Console()
    console.print(_table(scores.pages))
    console.print(_table_of_groups(groups))
    mean = totals(scores.pages)
    console.print(
        f"Mean CER (character error rate): {mean['mean_cer']:.2%} a page, "
        f"{mean['total_cer']:.2%} of all characters."
    )
    console.print(
        f"Mean WER (word error rate): {mean['mean_wer']:.2%} a page, {mean['total_wer']:.2%} of "
        f"all words; in any order precision {mean['word_precision']:.3f}, recall "
        f"{mean['word_recall']:.3f}."
    )
    facts = ", ".join(f"{fact} {mean[f'{fact}_accuracy']:.3f}" for fact in FACTS)
    console.print(
        f"Courses: precision {mean['course_precision']:.3f}, recall {mean['course_recall']:.3f}; "
        f"right in those found: {facts}."
    )
    if scores.unread:
        names = ", ".join(map(_short, scores.unread))
        console.print(f"Not counted, because not read yet ({len(scores.unread)}): {names}.")


def _table(scores: list[PageScore]) -> Table:
    """One row a page."""
    rows = []
    for s in scores:
        rates = (f"{s.error_rate:.2%}", f"{s.word_error_rate:.2%}", f"{s.word_recall:.2%}")
        counts = (s.courses_true, s.courses_read, s.courses_matched)
        facts = [s.facts_right[fact] if s.courses_matched else "-" for fact in FACTS]
        cells = (str(s.characters), *rates, *map(str, counts), *map(str, facts))
        rows.append((_short(s.name), *cells))
    texts = ("characters", "CER", "WER", "words found")
    numbers = (*texts, "courses: true", "read", "matched", *FACTS)
    return table(("page", *(f">{name}" for name in numbers)), rows)


def _table_of_groups(groups: Groups) -> Table:
    """One row a book, a prompt, a model: rates of all their characters and words together."""
    rows = []
    for kind, found in groups.items():
        for name, scores in found.items():
            mean = totals(scores)
            rates = (f"{mean[n]:.2%}" for n in ("total_cer", "total_wer", "word_recall"))
            courses = (f"{mean[n]:.3f}" for n in ("course_precision", "course_recall"))
            shown = " ".join(name.split("/")[-2:]) if kind == "book" else name
            rows.append((kind, shown, str(len(scores)), *rates, *courses))
    numbers = ("pages", "CER", "WER", "words found", "course precision", "recall")
    return table(("by", "=name", *(f">{name}" for name in numbers)), rows)


def _short(name: str) -> str:
    """`Ashgrove College 1852, 3` for `Massachusetts/Ashgrove College/1852/3`."""
    *folders, page = name.split("/")
    return f"{' '.join(folders[-2:])}, {page}"
