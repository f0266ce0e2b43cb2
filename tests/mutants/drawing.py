"""Mutants drawn at random: every small slip that the money modules admit, and a seeded sample.

A slip is a comparison, an `and`, a constant, a statement that is left out, two arguments in each
other's place, or a word of SQL. What only words a message or a log line is left alone.
"""

import ast
import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from mutants.mutant import PACKAGE, Mutant, sources

MONEY = (
    *("answers/*", "gemini/*", "ledger/*", "plan/*", "prompts/*", "waves/*", "workspace.py"),
    *("config/keys.py", "config/models.py", "config/other_model.py", "config/pricing.py"),
    *("tracking/cleaning.py", "tracking/delivery.py", "tracking/rows.py", "redaction.py"),
    *("pages/changed.py", "pages/corrections.py", "pages/pictures_before.py", "atomic.py"),
    *("words/audit/estimate.py", "words/doubt.py", "exports/facts.py"),
    *("workflow/corrections.py", "workflow/jobs.py", "workflow/many_jobs.py"),
    "commands/rebuild_ledger/*",
)
"""Where a slip may cost money, an answer that was paid for, or what a person made of it; and what
says how good answers are."""
NOT_MONEY = (
    *("plan/table.py", "waves/events.py", "waves/status.py", "answers/scores.py"),
    *("answers/intervals.py", "ledger/migrations.py"),
)
"""Among these: what only shows or scores, and tables that old ledgers are made of."""

COMPARISONS = {
    **{"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="},
    **{"in": "not in", "not in": "in", "is": "is not", "is not": "is"},
}
ARITHMETIC = {ast.Add: ("+", "-"), ast.Sub: ("-", "+"), ast.Mult: ("*", "/"), ast.Div: ("/", "*")}
SQL = re.compile(r"\b(SELECT|UPDATE|INSERT|DELETE|WHERE|AND|ORDER BY|FROM)\b")
SQL_WORDS = (
    *((r"\bAND\b", "OR"), (r"\bOR\b(?! REPLACE| IGNORE)", "AND"), (r"\bMAX\(", "MIN(")),
    *((r"\bMIN\(", "MAX("), (r"\bSUM\(", "MAX("), (r" DESC\b", ""), (r" >= ", " > ")),
    *((r" > ", " >= "), (r" <= ", " < "), (r" < ", " <= "), (r" != ", " = ")),
    *((r"IS NOT NULL", "IS NULL"), (r"IS NULL", "IS NOT NULL"), (r"NOT IN", "IN")),
    *((r"(?<!NOT) IN \(", " NOT IN ("), (r"NOT EXISTS", "EXISTS"), (r"DISTINCT ", "")),
    *((r"LEFT JOIN", "JOIN"), (r"OR REPLACE", "OR IGNORE"), (r"OR IGNORE", "OR REPLACE")),
)
TELLING = re.compile(r"^(log\.|crash\.point|events\.|emit|warnings\.)")
"""Calls without which nothing is lost but a line for whoever looks on."""


@dataclass(frozen=True)
class _Slip:
    kind: str
    start: int
    end: int
    new: str


def is_money(file: str) -> bool:
    """Is this file, given below the package, one of the money modules?"""
    name = file.rpartition("/")[2]
    return (
        name != "__init__.py"
        and any(fnmatch(file, pattern) for pattern in MONEY)
        and not any(fnmatch(file, pattern) for pattern in NOT_MONEY)
    )


def drawn(tree: Path, how_many: int, seed: int) -> list[Mutant]:
    """So many of all slips in the money modules, by the seed: whatever is edited meanwhile, those
    that may still be made stay the same ones."""
    everything = [
        mutant
        for file in sources(tree)
        if is_money(file)
        for mutant in all_slips(file, (tree / PACKAGE / file).read_text(encoding="utf-8"))
    ]
    return sorted(everything, key=lambda mutant: chance(seed, mutant))[:how_many]


def chance(seed: int, mutant: Mutant) -> str:
    """The place of a mutant among all, which nothing decides but the seed and its own name."""
    return hashlib.sha256(f"{seed} {mutant.id}".encode()).hexdigest()


def all_slips(file: str, source: str) -> list[Mutant]:
    """Every slip in a file. An id stays the same until its statement, or its function's name, does
    not: so it can be told elsewhere that a mutant is equivalent."""
    reader = _Reader(source)
    reader.visit(ast.parse(source))
    times: Counter[str] = Counter()
    mutants = []
    for place, statement, slip in reader.found:
        first, last = reader.span(statement)
        if body := getattr(statement, "body", None):
            last = max(slip.end, reader.span(body[0])[0])
        old = source[slip.start : slip.end]
        text = f"{source[first : slip.start]}[{old}→{slip.new}]{source[slip.end : last]}"
        name = f"{file}:{place}:{slip.kind}:{hashlib.sha256(text.encode()).hexdigest()[:8]}"
        times[name] += 1
        name += f"#{times[name]}" if times[name] > 1 else ""
        mutants.append(Mutant(name, file, slip.start, slip.end, slip.new, slip.kind))
    return mutants


class _Reader(ast.NodeVisitor):
    """Walks a module and notes slips, each with the function and the statement it is in."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._lines = source.split("\n")
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line) + 1)
        self._place: list[str] = []
        self._statement: ast.stmt | None = None
        self.found: list[tuple[str, ast.stmt, _Slip]] = []

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Where a node begins and ends, in characters (the parser counts bytes of lines)."""
        position = node.lineno, node.col_offset  # type: ignore[attr-defined]
        end = node.end_lineno, node.end_col_offset  # type: ignore[attr-defined]
        return self._at(*position), self._at(*end)

    def _at(self, line: int, column: int) -> int:
        before = self._lines[line - 1].encode()[:column]
        return self._starts[line - 1] + len(before.decode())

    def _note(self, kind: str, start: int, end: int, new: str) -> None:
        assert self._statement is not None
        place = ".".join(self._place) or "module"
        self.found.append((place, self._statement, _Slip(kind, start, end, new)))

    def _text(self, node: ast.AST) -> str:
        first, last = self.span(node)
        return self._source[first:last]

    def _between(self, left: ast.AST, right: ast.AST, word: str, new: str, kind: str) -> None:
        """Replace the operator between two nodes."""
        start, end = self.span(left)[1], self.span(right)[0]
        gap = self._source[start:end]
        spelling = r"\s+".join(map(re.escape, word.split()))
        if found := re.search(rf"(?<![\w<>=!]){spelling}(?![\w=])", gap):
            self._note(kind, start + found.start(), start + found.end(), new)

    # Where slips are, and where not

    def visit(self, node: ast.AST) -> None:
        outer = self._statement
        if isinstance(node, ast.stmt):
            self._statement = node
        super().visit(node)
        self._statement = outer

    def _in_place(self, node: ast.FunctionDef | ast.ClassDef) -> None:
        self._place.append(node.name)
        body: list[ast.AST] = list(node.body)
        if isinstance(node, ast.FunctionDef):
            body += [default for default in node.args.kw_defaults if default]
            body += node.args.defaults
        for child in body:
            self.visit(child)
        self._place.pop()

    visit_FunctionDef = visit_ClassDef = _in_place

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value:
            self.visit(node.value)

    def visit_Assert(self, node: ast.Assert) -> None:
        """It can't fail."""

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        self._sql(node)

    def visit_If(self, node: ast.If) -> None:
        if self._text(node.test) != "TYPE_CHECKING":
            self.generic_visit(node)

    # Slips

    def visit_Compare(self, node: ast.Compare) -> None:
        sides = [node.left, *node.comparators]
        words = {
            **{ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "=="},
            **{ast.NotEq: "!=", ast.In: "in", ast.NotIn: "not in", ast.Is: "is"},
            ast.IsNot: "is not",
        }
        for left, operator, right in zip(sides, node.ops, sides[1:], strict=False):
            word = words[type(operator)]
            self._between(left, right, word, COMPARISONS[word], "comparison")
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        word, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        for left, right in zip(node.values, node.values[1:], strict=False):
            self._between(left, right, word, new, "and-or")
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not):
            start, end = self.span(node)
            self._note("not", start, end, f"({self._text(node.operand)})")
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if type(node.op) in ARITHMETIC and not _is_text(node):
            word, new = ARITHMETIC[type(node.op)]
            self._between(node.left, node.right, word, new, "arithmetic")
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        start, end = self.span(node)
        if isinstance(node.value, bool):
            self._note("constant", start, end, str(not node.value))
        elif isinstance(node.value, int):
            self._note("constant", start, end, str(node.value + 1))
        elif isinstance(node.value, float):
            self._note("constant", start, end, repr(node.value * 2 or 1.0))
        elif isinstance(node.value, str):
            self._sql(node)

    def _sql(self, node: ast.AST) -> None:
        start, end = self.span(node)
        text = self._source[start:end]
        if text.startswith('"""') or not SQL.search(text):
            return
        for word, new in SQL_WORDS:
            for found in re.finditer(word, text):
                self._note("sql", start + found.start(), start + found.end(), new)

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Call):
            return  # a docstring
        if not TELLING.match(self._text(node)):
            self._note("dropped", *self.span(node), "pass")
            self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> None:
        self._note("dropped", *self.span(node), "pass")

    def visit_Continue(self, node: ast.Continue) -> None:
        self._note("dropped", *self.span(node), "pass")

    def visit_Break(self, node: ast.Break) -> None:
        self._note("dropped", *self.span(node), "pass")

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._note("dropped", *self.span(node), "pass")
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        for one, two in zip(node.args, node.args[1:], strict=False):
            if _are_alike(one, two) and self._text(node.func) not in ("max", "min"):
                (start, middle), (after, end) = self.span(one), self.span(two)
                gap = self._source[middle:after]
                self._note("swapped", start, end, f"{self._text(two)}{gap}{self._text(one)}")
        self.generic_visit(node)


def _are_alike(one: ast.expr, two: ast.expr) -> bool:
    """May two arguments be taken for each other? (The type checker knows a workbench, and most
    tests notice at once when it is something else.)"""
    if isinstance(one, ast.Constant) and isinstance(two, ast.Constant):
        return type(one.value) is type(two.value) and one.value != two.value
    names = ("session", "db", "self", "tree", "path")
    kinds = (ast.Name, ast.Attribute)
    if not (isinstance(one, kinds) and isinstance(two, kinds)):
        return False
    return ast.dump(one) != ast.dump(two) and not any(
        isinstance(side, ast.Name) and side.id in names for side in (one, two)
    )


def _is_text(node: ast.BinOp) -> bool:
    """Are two texts put together? (To take one from the other fails in every test.)"""

    def texts(side: ast.AST) -> Iterator[bool]:
        yield isinstance(side, ast.JoinedStr)
        yield isinstance(side, ast.Constant) and isinstance(side.value, str)
        if isinstance(side, ast.BinOp):
            yield from texts(side.left)
            yield from texts(side.right)

    return any(texts(node))
