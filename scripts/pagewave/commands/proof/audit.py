"""How accurate is the whole collection? Draw a random sample of its lines, judge it, certify it.

Without an option it draws the sample (or says how far it is judged): a sheet to look at, and a CSV
file for what you find, in the folder `paths.audit_dir`. With --review you judge its lines in the
browser, one after the other, by keyboard: it serves this machine alone, at the address it prints.
With --certify it says what follows for all lines, each figure with its 95 % interval, and writes
the certificate that exports carry. What you typed is never changed. docs/audit.md says how, and how
sure the intervals are."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pagewave import command_line
from pagewave.commands.browser.address import add_address_options, check_address
from pagewave.commands.browser.reviewer import add_name_option, own_name
from pagewave.commands.command import (
    Place,
    command_parser,
    find_place,
    positive,
    print_json,
    run_command,
)
from pagewave.commands.folders import typed_path
from pagewave.config.data import Paths
from pagewave.console import printer, table
from pagewave.errors import DataError
from pagewave.pages.dataset import Dataset, scan
from pagewave.wording import count, few
from pagewave.words.audit import answers, certificate, figures, frame, said
from pagewave.words.audit.certificate import Certificate, file_of
from pagewave.words.audit.frame import Frame
from pagewave.words.audit.sample import Kind, Sample
from pagewave.words.audit.sheet import Sheet

EXAMPLES = """examples:
  %(prog)s                                draws 400 lines, or says how far they are judged
  %(prog)s --lines 600                    adds more to them
  %(prog)s --lines 400 --course-pages 60  pages whose courses are judged, too
  %(prog)s --review --name 'Ann Lee'      judge the lines in the browser
  %(prog)s --certify                      what follows from what is judged"""

LINES = 400
"""Of the first sample where nobody says how many: docs/audit.md has what they are good for."""
SEED = 1
SHOWN = 5
PORT = 8752


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, draw or certify; returns the exit code."""
    parser = command_parser(__doc__, EXAMPLES)
    what = f"how many lines, those that are drawn already among them ({LINES})"
    parser.add_argument("--lines", type=positive, metavar="N", help=what)
    what = "how many pages whose courses are judged (none)"
    parser.add_argument("--course-pages", type=positive, metavar="N", help=what)
    what = f"the same seed draws the same lines ({SEED})"
    parser.add_argument("--seed", type=positive, metavar="N", help=what)
    parser.add_argument("--review", action="store_true", help="judge the lines in the browser")
    parser.add_argument("--certify", action="store_true", help="say what follows; draw nothing")
    what = "where sample, answers and certificate are (paths.audit_dir)"
    parser.add_argument("--folder", type=typed_path, metavar="DIR", help=what)
    add_name_option(parser)
    add_address_options(parser, PORT)
    options = parser.parse_args(arguments)
    check_address(parser, options)
    if options.certify and options.review:
        parser.error("judge first (--review), then --certify")
    if (options.certify or options.review) and (
        options.lines or options.course_pages or options.seed
    ):
        what = "--certify" if options.certify else "--review"
        parser.error(f"{what} draws nothing: leave --lines, --course-pages and --seed out")
    return run_command(lambda: _carry_out(options))


def _carry_out(options: argparse.Namespace) -> int:
    place = find_place(options, needs_config=True)
    folder = options.folder or place.settings.paths.audit_dir
    dataset = scan(place.settings)
    if options.certify:
        return _certify(folder, place.settings.paths, dataset, options.json)
    if options.review:
        return _review(options, place, folder, dataset)
    return _draw(options, place, folder, dataset)


def _file(folder: Path, kind: Kind, suffix: str) -> Path:
    return folder / f"{kind}{suffix}"


# The sample


def _draw(options: argparse.Namespace, place: Place, folder: Path, dataset: Dataset) -> int:
    paths = place.settings.paths
    lines = _sample(folder, "lines", paths, dataset, options.seed, options.lines)
    courses = Sample.read(_file(folder, "courses", ".json"))
    if options.course_pages:
        wanted = options.course_pages
        courses = _sample(folder, "courses", paths, dataset, options.seed, wanted)
    added = answers.add_rows(_file(folder, "lines", ".csv"), lines)
    said.bring_back(_file(folder, "lines", ".csv"))
    if courses:
        added += answers.add_rows(_file(folder, "courses", ".csv"), courses)
    sheet = folder / "sheet.html"
    if added or not sheet.exists():
        files = (_file(folder, "lines", ".csv"), _file(folder, "courses", ".csv"))
        Sheet(dataset, place.settings.images.pdf_dpi).write(sheet, lines, courses, files)
    report = [_stands(folder, sample) for sample in (lines, courses) if sample]
    if options.json:
        print_json({"folder": str(folder), "sheet": str(sheet), "samples": report})
        return 0
    for each in report:
        print(
            f"{each['drawn']} of {each['units']} {each['what']} are drawn, of "
            f"{count(each['pages'], 'page')}; {each['judged']} are judged, and "
            f"{each['needed']} must be at least."
        )
        print(f"  What you find goes into {each['answers']}.")
        if each["without"]:
            print(f"  Nothing is drawn of {count(each['without'], 'page')} {each['why']}.")
    print(f"To look at: {sheet}")
    print(f"Or in the browser: {command_line.pagewave('audit', '--review', *_folder(options))}")
    print(f"Then: {command_line.pagewave('audit', '--certify', *_folder(options))}")
    return 0


def _folder(options: argparse.Namespace) -> list[str]:
    return ["--folder", str(options.folder)] if options.folder else []


def _sample(
    folder: Path, kind: Kind, paths: Paths, dataset: Dataset, seed: int | None, size: int | None
) -> Sample:
    """The sample on file, made larger if more is asked for; a new one where there is none."""
    file = _file(folder, kind, ".json")
    known = Sample.read(file)
    if known and seed not in (None, known.seed):
        raise DataError(
            f"{file} was drawn with the seed {known.seed}. For another sample name another folder: "
            + command_line.pagewave("audit", "--seed", str(seed), "--folder", f"{folder}-{seed}")
        )
    if known and (size is None or size <= len(known.drawn)):
        return known
    found: Frame = (frame.lines if kind == "lines" else frame.courses)(paths, dataset)
    if known and known.frame_sha256 != found.sha256:
        raise DataError(
            f"{file}: pages changed since it was drawn, so that no more can be drawn with it. "
            "Certify what there is, or draw a new one into another folder: "
            + command_line.pagewave("audit", "--folder", f"{folder}-2")
        )
    size = size or LINES
    first = known.first if known else size
    sample = Sample.of(kind, found, known.seed if known else seed or SEED, first, size)
    sample.write(file)
    return sample


def _stands(folder: Path, sample: Sample) -> dict[str, Any]:
    """How far a sample is judged."""
    path = _file(folder, sample.kind, ".csv")
    is_lines = sample.kind == "lines"
    return {
        "what": "lines" if is_lines else "pages with their courses",
        "drawn": len(sample.drawn),
        "units": sample.units,
        "pages": len(sample.pages),
        "judged": len(answers.judged(path, sample)),
        "needed": sample.needed,
        "answers": str(path),
        "without": sample.without,
        "why": "whose words are not looked for" if is_lines else "without a list of courses",
    }


# Judging in the browser


def _review(options: argparse.Namespace, place: Place, folder: Path, dataset: Dataset) -> int:
    from pagewave.commands.browser.address import listen
    from pagewave.commands.browser.audit.judging import Judging
    from pagewave.commands.browser.audit.server import Audit
    from pagewave.commands.browser.server import serve

    lines, file = _drawn(folder), _file(folder, "lines", ".csv")
    answers.add_rows(file, lines)
    said.bring_back(file)
    command = command_line.pagewave("audit", "--certify", *_folder(options))
    by = options.name or own_name()
    judging = Judging(lines, file, by, lambda: _made(folder, lines), command)
    judging.stands()  # what can't be read is told before anybody opens the page
    audit = Audit(judging, Sheet(dataset, place.settings.images.pdf_dpi))
    serve(audit.app(), listen(options, "audit", "--review"))
    return 0


# The certificate


def _drawn(folder: Path) -> Sample:
    lines = Sample.read(_file(folder, "lines", ".json"))
    if lines is None:
        raise DataError(
            f"{folder}: no sample was drawn there. To draw one: {command_line.pagewave('audit')}"
        )
    return lines


def _made(folder: Path, lines: Sample) -> Certificate:
    """The certificate of what is judged."""
    judged = answers.judged(_file(folder, "lines", ".csv"), lines)
    courses = Sample.read(_file(folder, "courses", ".json"))
    of_courses = None
    if courses:
        found = answers.judged(_file(folder, "courses", ".csv"), courses)
        of_courses = (courses, found) if found else None
    return figures.certify(lines, judged, of_courses)


def _certify(folder: Path, paths: Paths, dataset: Dataset, as_json: bool) -> int:
    lines = _drawn(folder)
    said.bring_back(_file(folder, "lines", ".csv"))
    made = _made(folder, lines)
    file = folder / certificate.FILE
    made.write(file)
    changed = made.changed(file_of(paths, dataset))
    if as_json:
        print_json(made.model_dump(exclude={"pages"}) | {"changed": changed, "file": str(file)})
        return 0
    _print(made, changed)
    print(f"Written to {file}. Exports made from now on carry it.")
    return 0


def _print(made: Certificate, changed: list[str]) -> None:
    console = printer()
    heads = ("figure", ">value", ">95 % interval", ">judged")
    rows = certificate.told(made.figures)
    console.print(table(heads, rows))
    print(f"It stands for {made.lines:,} lines of {count(len(made.pages), 'page')}.")
    if made.pages_without:
        print(f"Of {count(made.pages_without, 'page')} that were read it says nothing.")
    if changed:
        print(
            f"{count(len(changed), 'page')} changed since the sample was drawn "
            f"({few(changed, SHOWN)}): it stands for them as they were."
        )
