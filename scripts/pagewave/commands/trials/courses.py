"""Which courses change between two readings of a page, with or without a truth."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pagewave.answers.scores import matched_courses, same_fact

COURSE_FIELDS = ("course_name", "department", "level", "term")
"""What is shown and compared of a course."""

Json = dict[str, Any]


@dataclass(frozen=True)
class CourseChange:
    """A course of A that B has not (`b` is None), or has otherwise; or one that only B has.

    `fields` are those that differ, as (name, A's value, B's value), where both have the course.
    """

    name: str
    a: Json | None
    b: Json | None
    fields: tuple[tuple[str, str | None, str | None], ...] = ()

    @property
    def what(self) -> str:
        """In words."""
        if self.b is None:
            return "missing in B"
        return "only in B" if self.a is None else "different"

    @property
    def details(self) -> str:
        """What differs, such as `level: "II" → null`; "" where one has not the course."""
        shown = [f"{name}: {_shown(a)} → {_shown(b)}" for name, a, b in self.fields]
        return "; ".join(shown)


def course_changes(a: Sequence[Json], b: Sequence[Json]) -> list[CourseChange]:
    """What changes from A's courses to B's: in A's order, then what only B has."""
    partners = {id(one): other for one, other in matched_courses(a, b)}
    taken = {id(other) for other in partners.values()}
    found = []
    for course in a:
        other = partners.get(id(course))
        if other is None:
            found.append(CourseChange(_name(course), course, None))
        elif fields := _differing(course, other):
            found.append(CourseChange(_name(course), course, other, fields))
    found += [CourseChange(_name(other), None, other) for other in b if id(other) not in taken]
    return found


def _differing(a: Json, b: Json) -> tuple[tuple[str, str | None, str | None], ...]:
    return tuple(
        (name, a.get(name), b.get(name)) for name in COURSE_FIELDS if not same_fact(a, b, name)
    )


def _name(course: Json) -> str:
    return course.get("course_name") or "(without a name)"


def _shown(value: str | None) -> str:
    return "null" if value is None else f'"{value}"'
