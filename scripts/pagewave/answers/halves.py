"""A page out of the answers to its two halves, whatever the page model is.

Lists are put one behind the other, without what both halves show; of single values that of the
upper half counts unless it is empty; values that are the page's words are joined line by line. What
was joined must be a valid page, and its text hold each line of both halves: else it is a failure.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pagewave.answers.alike import alike, doubled, merged
from pagewave.answers.loose_json import Json
from pagewave.answers.result_line import Answer, Failure, page_problems
from pagewave.answers.usage import together
from pagewave.halves import HALVES, LOWER, UPPER
from pagewave.ledger import Flag
from pagewave.page_model import PageModel
from pagewave.wording import count

JOINED = "halves"
"""The flag of an answer that was joined of two halves."""
Place = tuple[str | int, ...]
"""Where a value stands in a page's JSON."""


def joined(halves: Mapping[str, Answer | Failure], page_model: type[PageModel]) -> Answer | Failure:
    """What both halves of a page come to; a failure of either is that of the page.

    Args:
        halves: what each half's line was taken for, both under the key of the page.
    """
    usages = [half.usage for half in halves.values() if half.usage]
    usage = together(usages)
    upper, lower = halves[UPPER], halves[LOWER]
    for name in HALVES:
        half = halves[name]
        if isinstance(half, Failure):
            return replace(
                half,
                message=f"Of its {name} half: {half.message}",
                usage=usage if usages else None,
                inferred=any(isinstance(h, Answer) or h.inferred for h in halves.values()),
            )
    assert isinstance(upper, Answer) and isinstance(lower, Answer)
    try:
        page, taken = _Seam(upper.page, lower.page, page_model).page()
    except _CannotBeJoined as problem:
        return Failure(
            key=upper.key,
            error_type="ValidationError",
            message=f"Its two halves can't be joined: {problem}",
            traceback="",
            raw_text=f"{upper.text}\n{lower.text}",
            raw_json=None,
            usage=usage,
            served=upper.served,
        )
    said = f"read in two halves; {count(taken, 'line')} that both show left out of the lower"
    stops = [half.finish_reason for half in (upper, lower) if half.finish_reason != "STOP"]
    return replace(
        upper,
        page=page,
        text=page.text(),
        page_json=page.model_dump_json(),
        usage=usage,
        finish_reason=(stops or ["STOP"])[0],
        flags=(*dict.fromkeys((*upper.flags, *lower.flags)), Flag(JOINED, said)),
    )


class _CannotBeJoined(Exception):
    """Why two halves are no page; in words."""


@dataclass
class _Seam:
    """Two halves, and how they hang together: in lines that both show."""

    upper: PageModel
    lower: PageModel
    page_model: type[PageModel]

    def page(self) -> tuple[PageModel, int]:
        """The joined page, and how many lines of the lower half were left out of it."""
        above, below = _lines(self.upper.text()), _lines(self.lower.text())
        upper, lower = self.upper.model_dump(mode="json"), self.lower.model_dump(mode="json")
        lower, left, self._spoken = self._without_lines(lower, below, doubled(above, below))
        taken = len(below) - len(left)
        self._shares_items = taken > 0 or not (above and below)
        content = self._join(upper, lower, ())
        try:
            page = self.page_model.model_validate(content)
        except Exception as error:  # page models are the user's; theirs may raise anything
            raise _CannotBeJoined(page_problems(error)) from error
        lost = Counter([*above, *left]) - Counter(_lines(page.text()))
        if lost:
            shown = next(iter(lost))[:80]
            raise _CannotBeJoined(
                f"{count(lost.total(), 'line')} of their text would be lost, the first: {shown!r}"
            )
        return page, taken

    def _without_lines(
        self, content: Json, lines: list[str], doubled: Sequence[range]
    ) -> tuple[Json, list[str], set[Place]]:
        """The lower half without these lines of its text, as far as it can be told where they
        stand; the lines that are left, and the lists that hold the page's words."""
        spoken = set[Place]()
        for run in reversed(doubled):  # so that those before stay where they are
            end = run.stop
            while end > run.start:
                found = self._without_end(content, lines, range(run.start, end))
                if found is None:
                    break
                content, lines, place, end = found
                numbers = [at for at, step in enumerate(place) if _is_number(step)]
                spoken |= {_without_numbers(place[:at]) for at in numbers}
        return content, lines, spoken

    def _without_end(
        self, content: Json, lines: list[str], run: range
    ) -> tuple[Json, list[str], Place, int] | None:
        """The same without the last lines of a run, those of one text: where it stands, and where
        the run ends then. None: no text has them."""
        for place, text in _texts(content):
            own = _lines(text)
            for last in [at for at, line in enumerate(own, 1) if line == lines[run.stop - 1]]:
                size = 1
                while (
                    size < min(len(run), last)
                    and own[last - size - 1] == lines[run.stop - size - 1]
                ):
                    size += 1
                start = run.stop - size
                rest = lines[:start] + lines[run.stop :]
                left = "\n".join(own[: last - size] + own[last:])
                if (changed := self._cut_out(content, place, left, rest)) is not None:
                    return changed, rest, place, start
        return None

    def _cut_out(self, content: Json, place: Place, text: str, rest: list[str]) -> Json | None:
        """The content with another text there, or without its list's item where none is left; None:
        its page's text would not be that `rest`."""
        numbered = [end for end, step in enumerate(place) if _is_number(step)]
        whole = [place[: end + 1] for end in reversed(numbered)] if not text else []
        for at in (*whole, place):
            changed: Json = _changed(content, at, None if at in whole else text)
            if self._text_of(changed) == rest:
                return changed
        return None

    def _text_of(self, content: Json) -> list[str] | None:
        try:
            return _lines(self.page_model.model_validate(content).text())
        except Exception:
            return None

    def _join(self, upper: Any, lower: Any, place: Place) -> Any:
        if isinstance(upper, dict) and isinstance(lower, dict):
            names = [*upper, *(name for name in lower if name not in upper)]
            return {
                name: self._join(upper.get(name), lower.get(name), (*place, name)) for name in names
            }
        if isinstance(upper, list) and isinstance(lower, list):
            shares = self._shares_items and place not in self._spoken
            return _numbered_on(upper, lower, merged(upper, lower) if shares else [*upper, *lower])
        if isinstance(upper, str) and isinstance(lower, str) and upper.strip() and lower.strip():
            return f"{upper.rstrip()}\n{lower}" if self._is_text(place, upper, lower) else upper
        is_empty = upper is None or (isinstance(upper, str) and not upper.strip())
        return lower if is_empty and lower is not None else upper

    def _is_text(self, place: Place, upper: str, lower: str) -> bool:
        """Is a value, other than those in lists, words of the page in both halves?"""
        if alike(upper, lower):
            return False
        return all(
            self._text_of(_changed(page.model_dump(mode="json"), place, "")) != _lines(page.text())
            for page in (self.upper, self.lower)
        )


def _numbered_on(upper: list[Any], lower: list[Any], items: list[Any]) -> list[Any]:
    """The items, whose ids go on counting where those of the upper half count without a gap."""
    if not (upper and lower and all(isinstance(item, dict) for item in items)):
        return items
    for name in [name for name in items[0] if name == "id" or name.endswith("_id")]:
        counted, first = [item.get(name) for item in upper], upper[0].get(name)
        ids = [item.get(name) for item in lower]
        if all(map(_is_number, [*counted, *ids])) and counted == [
            *range(first, first + len(upper))
        ]:
            items = [{**item, name: number} for number, item in enumerate(items, first)]
    return items


def _texts(value: Any, place: Place = ()) -> Iterator[tuple[Place, str]]:
    """All texts of a page, with where each stands, in their order."""
    if isinstance(value, str):
        if value.strip():
            yield place, value
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from _texts(part, (*place, name))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _texts(item, (*place, number))


def _changed(value: Any, place: Place, text: str | None) -> Any:
    """A copy with another text at this place; None: without the item of a list there."""
    step, rest = place[0], place[1:]
    if isinstance(value, list):
        assert isinstance(step, int)
        own = [_changed(value[step], rest, text)] if rest else [] if text is None else [text]
        return [*value[:step], *own, *value[step + 1 :]]
    return {**value, step: _changed(value[step], rest, text) if rest else text}


def _without_numbers(place: Place) -> Place:
    return tuple(step for step in place if not _is_number(step))


def _is_number(step: object) -> bool:
    return isinstance(step, int) and not isinstance(step, bool)


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]
