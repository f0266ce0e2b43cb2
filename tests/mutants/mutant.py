"""A mutant: one slip in one file of the package, made on purpose; and those written by hand.

`handwritten.toml` names file, old text and new text. The text must be there exactly once: in that
file or, where it was moved, in one other of the package. Else the mutant is stale, and said to be.
"""

import ast
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
PACKAGE = Path("scripts/pagewave")


@dataclass(frozen=True)
class Mutant:
    """Characters `start` to `end` of a file, given below the package, become `new`.

    `tests` are run before all others; `cost` is what the slip would do to whoever runs the program.
    """

    id: str
    file: str
    start: int
    end: int
    new: str
    kind: str
    cost: str = ""
    tests: tuple[str, ...] = ()

    @property
    def made_by_hand(self) -> bool:
        """Was it written by hand, rather than drawn?"""
        return self.kind == "hand"

    def applied(self, source: str) -> str:
        """The file's text with the slip in it."""
        return source[: self.start] + self.new + source[self.end :]

    def shown(self, source: str) -> str:
        """The lines that change, before and after, on one line."""
        first = source.rfind("\n", 0, self.start) + 1
        last = source.find("\n", self.end)
        last = len(source) if last == -1 else last
        before, after = source[first:last], source[first : self.start] + self.new
        after += source[self.end : last]
        return f"{' '.join(before.split())}  →  {' '.join(after.split())}"


@dataclass(frozen=True)
class Stale:
    """A mutant written by hand whose old text is not there exactly once any more."""

    id: str
    file: str
    why: str


def handwritten(tree: Path, data: Path = HERE / "handwritten.toml") -> list[Mutant | Stale]:
    """The mutants written by hand, as they are found in the tree.

    Raises:
        ValueError: the data file is not what it should be; names the mutant.
    """
    entries = tomllib.loads(data.read_text(encoding="utf-8"))["mutant"]
    known = [entry["id"] for entry in entries]
    if twice := {name for name in known if known.count(name) > 1}:
        raise ValueError(f"{data}: twice: {', '.join(sorted(twice))}")
    texts = {path: (tree / PACKAGE / path).read_text(encoding="utf-8") for path in sources(tree)}
    return [_located(texts, entry) for entry in entries]


def _located(texts: Mapping[str, str], entry: Mapping[str, str]) -> Mutant | Stale:
    name, file, old, new = (entry[field] for field in ("id", "file", "old", "new"))
    if old == new or not entry["cost"]:
        raise ValueError(f"{name}: it changes nothing, or does not say what it would cost")
    # A statement moved to another room may be indented otherwise; then it has to be looked at.
    places = [path for path, text in texts.items() if old in text]
    if file not in places and len(places) == 1:
        file = places[0]
    if file not in places:
        return Stale(name, file, f"its text is in {len(places)} files of the package")
    source = texts[file]
    if (times := source.count(old)) != 1:
        return Stale(name, file, f"its text is there {times} times")
    # What both texts begin and end with was there to be found by, and does not change.
    before = _alike(old, new)
    after = _alike(old[before:][::-1], new[before:][::-1])
    start = source.index(old)
    mutant = Mutant(
        id=name,
        file=file,
        start=start + before,
        end=start + len(old) - after,
        new=new[before : len(new) - after],
        kind="hand",
        cost=entry["cost"],
        tests=tuple(entry.get("tests", ())),
    )
    try:
        ast.parse(mutant.applied(source))
    except SyntaxError as error:
        return Stale(name, file, f"with it the file is no Python: {error}")
    return mutant


def _alike(one: str, two: str) -> int:
    """With how many like characters two texts begin."""
    return next(
        (n for n, (a, b) in enumerate(zip(one, two, strict=False)) if a != b),
        min(len(one), len(two)),
    )


def sources(tree: Path) -> Iterator[str]:
    """All Python files of the package, by their path below it, in order."""
    package = tree / PACKAGE
    for path in sorted(package.rglob("*.py")):
        yield path.relative_to(package).as_posix()


def equivalents(data: Path = HERE / "equivalent.toml") -> dict[str, str]:
    """Why mutants change nothing that anyone could see, by their id."""
    entries = tomllib.loads(data.read_text(encoding="utf-8")).get("mutant", [])
    return {entry["id"]: entry["why"] for entry in entries}
