"""Which tests a mutant meets: those that touch what it changes, the most telling ones first.

Of the statements that it changes the one that the fewest tests touch decides. Among its tests one
is worth as much as it touches rare lines of the same function, per second; and a line counts half
as much each time that a test was chosen for it. So tests go deep, and by many ways. Those in the
folder that mirrors the room, and in the file that mirrors the module, know what to look for.
"""

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mutants.mutant import PACKAGE, Mutant, sources
from mutants.touching import Touched

LEAST_SECONDS = 0.05
"""Each test takes so long at least, whatever its clock says."""


@dataclass(frozen=True)
class Place:
    """Lines of a file; a line is given with its file, as what uses a constant may be in others."""

    changed: list[set[tuple[str, int]]]
    around: set[tuple[str, int]]


def choose(touched: Touched, tree: Path, mutant: Mutant, seconds: float) -> list[str]:
    """Tests in the order in which they are to run, for about so many seconds in all."""
    place = place_of(tree, mutant)
    by_line = {line: _tests(touched, line) for line in place.around}
    groups = [set().union(*(_tests(touched, line) for line in lines)) for lines in place.changed]
    decisive = min(filter(None, groups), key=len, default=set().union(*by_line.values()))
    weights = {line: 1 / len(tests) for line, tests in by_line.items() if tests}
    lines_of: dict[str, list[tuple[str, int]]] = {test: [] for test in decisive}
    for line, tests in by_line.items():
        for test in tests & decisive:
            lines_of[test].append(line)
    named = [test for part in mutant.tests for test in touched.seconds if _is_part(test, part)]
    chosen: list[str] = []
    ready: set[str] = set()
    left = seconds
    for test in dict.fromkeys(named):
        chosen.append(test)
        left -= _cost(touched, test, ready)
        ready.update(touched.fixtures[test])
        lines_of.pop(test, None)
    while left > 0 and lines_of:
        costs = {test: _cost(touched, test, ready) for test in lines_of}
        fitting = [test for test in lines_of if costs[test] <= left or not chosen]
        if not fitting:
            break
        best = max(
            sorted(fitting),
            key=lambda test: (
                _kinship(test, mutant.file)
                * sum(weights[line] for line in lines_of[test])
                / costs[test]
            ),
        )
        chosen.append(best)
        left -= costs[best]
        ready.update(touched.fixtures[best])
        for line in lines_of.pop(best):
            weights[line] /= 2
    return chosen


def _tests(touched: Touched, line: tuple[str, int]) -> set[str]:
    return touched.lines.get(line[0], {}).get(line[1], set())


def _cost(touched: Touched, test: str, ready: set[str]) -> float:
    fixtures = [name for name in touched.fixtures[test] if name not in ready]
    return max(LEAST_SECONDS, touched.seconds[test]) + sum(
        touched.shared.get(name, 0.0) for name in fixtures
    )


def _kinship(test: str, file: str) -> int:
    """How much more a test is worth that is about the file's room, or about the file."""
    room, _, module = file.removesuffix(".py").rpartition("/")
    if test.startswith(f"tests/{room}/test_{module}"):
        return 4
    return 2 if room and test.startswith(f"tests/{room}/") else 1


def _is_part(test: str, part: str) -> bool:
    """`part` is a test file, a test, or one case of it."""
    return test == part or test.startswith((f"{part}::", f"{part}["))


def place_of(tree: Path, mutant: Mutant) -> Place:
    """The lines of a mutant's change, and those around them that tell how deep a test goes."""
    source = (tree / PACKAGE / mutant.file).read_text(encoding="utf-8")
    module = ast.parse(source)
    first = source.count("\n", 0, mutant.start) + 1
    last = source.count("\n", 0, max(mutant.start, mutant.end - 1)) + 1
    scope = _innermost(module, first, last)
    if not isinstance(scope, ast.FunctionDef):
        # It runs when the module is imported, which tells of no test.
        names = {
            name.id
            for statement in (scope or module).body
            if statement.lineno <= last and first <= (statement.end_lineno or 0)
            for name in ast.walk(statement)
            if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
        }
        files = list(sources(tree))
        if scope:
            files = [f for f in files if scope.name in (tree / PACKAGE / f).read_text("utf-8")]
        used = {(file, line) for file in files for line in _uses(tree, file, names)}
        if scope and not used:
            used = {(file, line) for file in files for line in _uses(tree, file, {scope.name})}
        return Place([used], used)
    body = {(mutant.file, line) for line in range(scope.lineno, (scope.end_lineno or 0) + 1)}
    groups = [
        {(mutant.file, line) for line in lines}
        for lines in _statements(scope.body)
        if lines[0] <= last and first <= lines[-1]
    ]
    return Place(groups or [body], body)


def _innermost(module: ast.Module, first: int, last: int) -> "_Scope | None":
    """The function (or, without one, the class) that the lines stand in."""
    scopes = [
        node
        for node in ast.walk(module)
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and node.lineno <= first
        and last <= (node.end_lineno or 0)
    ]
    return max(scopes, key=lambda scope: scope.lineno, default=None)


_Scope = ast.FunctionDef | ast.ClassDef


def _statements(body: Iterable[ast.stmt]) -> Iterable[range]:
    """The lines of each statement; of one that holds others, those of its head."""
    for statement in body:
        inner = [
            child
            for child in ast.iter_child_nodes(statement)
            if isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case)
        ]
        ends = [getattr(child, "lineno", 0) for child in inner] or [(statement.end_lineno or 0) + 1]
        yield range(statement.lineno, max(statement.lineno + 1, min(ends)))
        yield from _statements(_stmts(inner))


def _stmts(nodes: Iterable[ast.AST]) -> Iterable[ast.stmt]:
    for node in nodes:
        if isinstance(node, ast.stmt):
            yield node
        else:
            yield from _stmts(ast.iter_child_nodes(node))


def _uses(tree: Path, file: str, names: set[str]) -> set[int]:
    """Lines of a file, inside of functions, that read one of these names."""
    source = (tree / PACKAGE / file).read_text(encoding="utf-8")
    if not any(name in source for name in names):
        return set()
    return {
        node.lineno
        for function in ast.walk(ast.parse(source))
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Name | ast.Attribute)
        and getattr(node, "id", getattr(node, "attr", None)) in names
    }
