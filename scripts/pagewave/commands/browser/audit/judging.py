"""The drawn lines with what was said of them, and saving of what is said.

An answer goes into the line's row, if that says what the browser saw, and then beside it with who
and when. Both are on the disk before the browser is told. So a row that a person filled in the CSV
stays as it is, and after a crash between the two the answer is there, and is saved again as it is.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from pagewave.characters import clean
from pagewave.errors import DataError, PagewaveError
from pagewave.wording import moment
from pagewave.words.audit.answers import WRONG, Typed, answer_of, replace, typed
from pagewave.words.audit.certificate import Certificate, told
from pagewave.words.audit.said import Entry, Said, saving
from pagewave.words.audit.sample import Drawn, Sample
from pagewave.words.audit.sheet import has_place

MOST_LETTERS = 20_000


class Refused(PagewaveError):
    """What was said can't be; says why."""


class Changed(PagewaveError):
    """The row is not what the browser saw any more; nothing was saved."""


class Ask(BaseModel):
    """What a person says of a line whose row said `base` when they saw it, or takes back."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(pattern=r"^[0-9a-zA-Z-]{8,64}$")
    key: str
    base: Typed
    do: Literal["answer", "undo"]
    verdict: Literal["right", "wrong", "made up", "unreadable", ""] = ""
    printed: str = Field(default="", max_length=MOST_LETTERS)
    left_out: str = Field(default="", max_length=MOST_LETTERS)
    undoes: str = ""


class Judging:
    """A sample of lines and its CSV; `by` is who judges. Safe for threads.

    Args:
        certify: the certificate of what is judged.
        certifies: the command that writes it.
    """

    def __init__(
        self,
        sample: Sample,
        answers: Path,
        by: str,
        certify: Callable[[], Certificate],
        certifies: str,
    ) -> None:
        self.by = by
        self._sample = sample
        self._answers = answers
        self._certify = certify
        self._certifies = certifies
        self._units = {unit.name: unit for unit in sample.drawn}

    def unit(self, name: str) -> Drawn:
        """The line with this name; raises DataError."""
        try:
            return self._units[name]
        except KeyError:
            raise DataError(f"{name} is not among the lines that were drawn.") from None

    def lines(self) -> dict[str, Any]:
        """All lines in the order of the draw: what a person looks at, and no doubt of any."""
        return {
            "by": self.by,
            "folder": str(self._answers.parent.resolve()),
            "file": str(self._answers),
            "needed": self._sample.needed,
            "lines": [_shown(unit) for unit in self._sample.drawn],
            **self.stands(),
        }

    def stands(self) -> dict[str, Any]:
        """What was said so far: each line's row in the order of the draw, and what can be taken
        back; once all lines are judged, what follows.

        Figures come no sooner: who stops when they please has chosen them.
        """
        rows, said = typed(self._answers), Said(self._answers)
        found = [rows.get(unit.name, Typed()) for unit in self._sample.drawn]
        answer: dict[str, Any] = {"answers": found, "undo": self._undo(said)}
        if all(each != Typed() for each in found):
            answer |= self._figures()
        return answer

    def _undo(self, said: Said) -> dict[str, str] | None:
        mine = [each for each in said.standing if each.by == self.by and each.line in self._units]
        return {"id": mine[-1].id, "line": mine[-1].line} if mine else None

    def _figures(self) -> dict[str, Any]:
        try:
            made = self._certify()
        except DataError as error:
            return {"figures": [], "problem": str(error), "command": self._certifies}
        figures = [
            {"name": name, "value": value, "interval": interval, "judged": judged, "meaning": what}
            for (name, value, interval, judged), what in zip(
                told(made.figures), made.meanings.values(), strict=True
            )
        ]
        return {"figures": figures, "command": self._certifies}

    def save(self, ask: Ask) -> dict[str, Any]:
        """Carry out what a browser asks for; what was saved already is not done twice.

        Raises:
            Changed: the row says something else by now.
            Refused: it can't be.
            DataError: there is no such line, or the CSV can't be read.
            PagewaveError: a file can't be written.
        """
        unit = self.unit(ask.key)
        with saving(self._answers) as said:
            if not said.find(ask.id):
                entry = self._entry(ask, unit, said)
                there = replace(self._answers, unit.name, entry.was, entry.now)
                if there not in (entry.was, entry.now):
                    raise Changed(_what_it_says(there, said.of(unit.name)))
                said.add(entry)
        return {"key": unit.name, "base": typed(self._answers)[unit.name], **self.stands()}

    def _entry(self, ask: Ask, unit: Drawn, said: Said) -> Entry:
        entry = Entry(id=ask.id, at=moment(time.time()) or "", by=self.by, line=unit.name)
        last = said.of(unit.name)
        if ask.do == "undo":
            if last is None or last.id != ask.undoes or last.by != self.by:
                raise Refused("That can't be taken back any more.")
            now = {"was": last.now, "now": last.was, "undoes": last.id}
            return entry.model_copy(update=now)
        given = Typed(ask.verdict, _text(ask.printed), _text(ask.left_out))
        if given.verdict == WRONG and given.printed == unit.text:
            raise Refused("It is what was read: say that it is right.")
        try:
            answer_of("Not saved", unit, given)
        except DataError as error:
            raise Refused(str(error)) from None
        # What somebody typed into the CSV is theirs: it is changed there.
        if ask.base != Typed() and (last is None or last.now != ask.base):
            raise Refused(f"This line was judged in {self._answers.name} by hand: change it there.")
        return entry.model_copy(update={"was": ask.base, "now": given})


def _shown(unit: Drawn) -> dict[str, Any]:
    return {
        "name": unit.name,
        "page": unit.page,
        "text": unit.text,
        "next": unit.behind,
        "has_place": has_place(unit),
        "is_first": unit.name.endswith("#1"),
    }


def _text(text: str) -> str:
    return clean(text).strip()


def _what_it_says(there: Typed, last: Entry | None) -> str:
    if there == Typed():
        return "What was said of this line was taken back meanwhile."
    who = last.by if last and last.now == there else "Somebody"
    texts: Sequence[str] = [f"“{text}”" for text in there[1:] if text]
    return f"{who} said of this line meanwhile: {', '.join([there.verdict or 'judged', *texts])}."
