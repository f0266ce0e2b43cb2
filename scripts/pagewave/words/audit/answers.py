"""What people said of the lines and courses that were drawn: a CSV that any editor can fill.

Rows are added behind those that are there. Of these only what `replace` is told to change changes:
the cells of one line, if they say what whoever changes them has seen.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from pagewave.atomic import write_atomically
from pagewave.characters import FORMULA, harmless
from pagewave.errors import DataError
from pagewave.ledger.lock import one_at_a_time
from pagewave.words.audit.sample import Drawn, Kind, Sample

RIGHT, WRONG, MADE_UP, UNREADABLE = "right", "wrong", "made up", "unreadable"
VERDICTS = (RIGHT, WRONG, MADE_UP, UNREADABLE)
COLUMNS: dict[Kind, tuple[str, ...]] = {
    "lines": ("line", "verdict", "printed", "left_out", "note", "read"),
    "courses": ("page", "wrong", "missed", "note", "read"),
}
TYPED: dict[Kind, tuple[str, ...]] = {
    "lines": ("verdict", "printed", "left_out"),
    "courses": ("wrong", "missed"),
}


LOCK = ".lock"
"""Beside it: who adds rows and who fills them take turns."""


class Typed(NamedTuple):
    """What stands in the cells of a line's row that people fill; all empty: nobody judged it."""

    verdict: str = ""
    printed: str = ""
    left_out: str = ""


class LineAnswer(NamedTuple):
    """What a person said of a line: what is printed there ("" where nothing is), and what stands
    between it and the next one and is in no reading. `printed` is None where it can't be told."""

    printed: str | None
    left_out: str


class CourseAnswer(NamedTuple):
    """Of the courses that were read of a page: how many are not on it, and how many are missing."""

    wrong: int
    missed: int


Answer = LineAnswer | CourseAnswer


def add_rows(path: Path, sample: Sample) -> int:
    """Add a row for each unit that has none yet; returns how many were added.

    Raises:
        DataError: the file can't be read.
    """
    with one_at_a_time(path.with_name(LOCK)):
        columns = COLUMNS[sample.kind]
        if not path.exists():
            known, file = set[str](), _File(",".join(columns) + "\n", ",", "")
        else:
            file = _file(path)
            known = {row[columns[0]] for _, row in _rows(path, sample.kind)}
        new = [unit for unit in sample.drawn if unit.name not in known]
        empty = [""] * (len(columns) - 2)
        rows = "".join(
            _row([harmless(unit.name), *empty, harmless(unit.text)], file.delimiter) for unit in new
        )
        if new or not path.exists():
            end = "" if file.text.endswith("\n") else "\n"
            write_atomically(path, file.mark + file.text + end + rows)
        return len(new)


def typed(path: Path) -> dict[str, Typed]:
    """What stands in the rows of lines, by their names. Raises DataError if it can't be read."""
    return {row["line"]: _typed(row) for _, row in _rows(path, "lines")}


def replace(path: Path, name: str, was: Typed, now: Typed) -> Typed:
    """Write into the row of a line, unless it does not say `was`; returns what it said.

    It is on the disk when this returns. All other rows stay as they are, to the byte.

    Raises:
        DataError: the file can't be read, or has no such row.
        PagewaveError: it can't be written.
    """
    with one_at_a_time(path.with_name(LOCK)):
        there = typed(path).get(name)
        if there is None:
            raise DataError(
                f"{path}: there is no row of {name} any more. `pagewave audit` adds it again."
            )
        if there == was != now:
            file = _file(path)
            write_atomically(path, file.mark + _with(file, name, now))
        return there


def _with(file: "_File", name: str, now: Typed) -> str:
    """The text of a file with other cells in the row of a line."""
    lines = io.StringIO(file.text, newline="").readlines()
    reader = csv.reader(lines, delimiter=file.delimiter, strict=True)
    heads = [head.strip() for head in next(reader)]
    begin = reader.line_num
    for cells in reader:
        cells += [""] * (len(heads) - len(cells))
        if cells[heads.index("line")].removeprefix("'") == name:
            for column, value in now._asdict().items():
                cells[heads.index(column)] = str(harmless(value))
            last = lines[reader.line_num - 1]
            end = last[len(last.rstrip("\r\n")) :]
            lines[begin : reader.line_num] = [_row(cells, file.delimiter).removesuffix("\n") + end]
            break
        begin = reader.line_num
    return "".join(lines)


def _row(cells: Sequence[object], delimiter: str) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerow(cells)
    return out.getvalue()


def judged(path: Path, sample: Sample) -> list[tuple[Drawn, Answer]]:
    """The units that were judged, in the order of the sample, up to the first that was not.

    Raises:
        DataError: the file can't be read, says what can't be, or a unit in between is not judged.
    """
    given = {
        row[COLUMNS[sample.kind][0]]: (number, row) for number, row in _rows(path, sample.kind)
    }
    found: list[tuple[Drawn, Answer]] = []
    gap, behind = "", list[str]()
    for unit in sample.drawn:
        number, row = given.get(unit.name, (0, {}))
        if not any(row.get(column, "").strip() for column in TYPED[sample.kind]):
            gap = gap or unit.name
        elif gap:
            behind.append(unit.name)
        else:
            found.append((unit, _answer(path, number, row, unit, sample.kind)))
    if behind:
        what = f"judge it, or say `{UNREADABLE}`" if sample.kind == "lines" else "judge it"
        raise DataError(
            f"{path}: {gap} is not judged, but {len(behind)} behind it are. Lines that are passed "
            f"over are no random ones: {what}."
        )
    return found


def answer_of(where: str, unit: Drawn, said: Typed) -> LineAnswer:
    """What people said of a line; raises DataError, which begins with `where`, if it can't be."""
    printed, left_out = said.printed, said.left_out
    verdict = said.verdict.casefold() or (WRONG if printed else RIGHT)
    if verdict not in VERDICTS:
        raise DataError(f"{where}: verdict is {verdict!r}; say {', '.join(VERDICTS)}.")
    if verdict == WRONG and not printed:
        raise DataError(f"{where}: it is {WRONG}: type what is printed into the column printed.")
    if verdict != WRONG and printed:
        raise DataError(f"{where}: it is {verdict}, but there is a text in printed: which is it?")
    if verdict == RIGHT:
        return LineAnswer(unit.text, left_out)
    return LineAnswer({WRONG: printed, MADE_UP: "", UNREADABLE: None}[verdict], left_out)


def _answer(path: Path, number: int, row: dict[str, str], unit: Drawn, kind: Kind) -> Answer:
    where = f"{path}, row {number} ({unit.name})"
    if kind == "lines":
        return answer_of(where, unit, _typed(row))
    wrong, missed = (_whole(where, row, name) for name in TYPED["courses"])
    if wrong > unit.whole:
        raise DataError(f"{where}: {wrong} are wrong, but {unit.whole} were read.")
    return CourseAnswer(wrong, missed)


def _typed(row: dict[str, str]) -> Typed:
    return Typed(*(_as_typed(row[column].strip()) for column in Typed._fields))


def _as_typed(cell: str) -> str:
    """A cell without the apostrophe that keeps it from being a formula."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA) else cell


def _whole(where: str, row: dict[str, str], name: str) -> int:
    text = row[name].strip() or "0"
    if not text.isdecimal():
        raise DataError(f"{where}: {name} is {text!r}; it must be a whole number.")
    return int(text)


def _rows(path: Path, kind: Kind) -> list[tuple[int, dict[str, str]]]:
    """All rows with their numbers, the first after the heads being 2; each name once."""
    file = _file(path)
    try:
        table = list(csv.reader(io.StringIO(file.text), delimiter=file.delimiter, strict=True))
    except csv.Error as error:
        raise DataError(f"{path} is no CSV file ({error}). Put that in order there.") from error
    heads = [head.strip() for head in table[0]] if table else []
    if missing := [column for column in COLUMNS[kind] if column not in heads]:
        raise DataError(
            f"{path}: there is no column {', '.join(missing)}. Its first row must have "
            f"{', '.join(COLUMNS[kind])}."
        )
    found = []
    for number, cells in enumerate(table[1:], start=2):
        if not any(cells):
            continue
        padded = [*cells, *[""] * (len(heads) - len(cells))]
        row = dict(zip(heads, padded, strict=False))
        row[COLUMNS[kind][0]] = row[COLUMNS[kind][0]].removeprefix("'")
        found.append((number, row))
    _refuse_twice(path, (row[COLUMNS[kind][0]] for _, row in found))
    return found


def _refuse_twice(path: Path, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise DataError(f"{path}: {name} has two rows. Delete the one that is not meant.")
        seen.add(name)


class _File(NamedTuple):
    """A CSV file: what it holds, what is between its cells, and the mark of UTF-8 before it."""

    text: str
    delimiter: str
    mark: str


def _file(path: Path) -> _File:
    """A CSV file as it is: spreadsheets write commas, semicolons, tabs."""
    try:
        # Rows end as they do. Some spreadsheets know UTF-8 only by the mark, so that stays too.
        text = path.read_bytes().decode()
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file; drawing the sample makes it.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path} can't be read ({error}). Save it as CSV in UTF-8; it stays as it is."
        ) from error
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    text = text.removeprefix(mark)
    head: Sequence[str] = text.splitlines()[:1] or [""]
    return _File(text, max(",;\t", key=head[0].count), mark)
