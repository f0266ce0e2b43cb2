"""The ledger's shelves: what is asked of the ledger is asked there, in words."""

import ast
from pathlib import Path

from helpers.embedded_process import SCRIPTS

STATEMENTS = ("SELECT ", "INSERT ", "UPDATE ", "DELETE ", "DROP ", "PRAGMA ", "WITH ")
ROOM = SCRIPTS / "pagewave/ledger"
OTHERS = {
    *(SCRIPTS / "pagewave/embedded", SCRIPTS / "pagewave/exports/forms"),
    SCRIPTS / "pagewave/commands/proof",
}
"""Their databases are others: the server's own, and those that readers get."""


def statements(path: Path) -> list[str]:
    """The SQL in a module: its texts that begin like a statement."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    return [t for t in texts if isinstance(t, str) and t.lstrip().startswith(STATEMENTS)]


def test_sql_stands_in_the_ledgers_room_alone() -> None:
    modules = {
        path: statements(path) for path in SCRIPTS.rglob("*.py") if OTHERS.isdisjoint(path.parents)
    }
    assert sum(len(found) for path, found in modules.items() if path.parent == ROOM) > 60
    assert {path: found for path, found in modules.items() if found and path.parent != ROOM} == {}
