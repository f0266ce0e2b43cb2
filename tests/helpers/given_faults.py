"""Which faults a test file really gives to the embedded server, read from its syntax tree.

A fault may be written where it is given, or come there by a name: of a constant, a variable, a loop
or a parameter of the test.
"""

import ast
from collections.abc import Iterator

from pagewave.embedded.server.faults import KINDS


def faults_given(source: str) -> set[str]:
    """Names of the faults in calls of `set_faults`, under `faults` in a configuration, or behind
    `--fault` on a server's command line."""
    tree = ast.parse(source)
    meanings = _meanings(tree)
    found: set[str] = set()
    todo = list(_places(tree))
    seen: set[str] = set()
    while todo:
        for node in ast.walk(todo.pop()):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value.partition(":")[0])
            elif isinstance(node, ast.Name) and node.id not in seen:
                seen.add(node.id)
                todo += meanings.get(node.id, [])
    return found & set(KINDS)


def _places(tree: ast.AST) -> Iterator[ast.AST]:
    """Expressions that are given as faults."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute) and node.func.attr == "set_faults":
                yield from node.args
            yield from (word.value for word in node.keywords if word.arg == "faults")
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "faults":
                    yield value
        elif isinstance(node, ast.Tuple | ast.List):
            words = [word.value if isinstance(word, ast.Constant) else None for word in node.elts]
            if "--fault" in words:
                yield from node.elts[words.index("--fault") + 1 :]


def _meanings(tree: ast.AST) -> dict[str, list[ast.AST]]:
    """What each name of the file may stand for; names of different functions are not told apart."""
    found: dict[str, list[ast.AST]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.For | ast.comprehension):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else node.iter
            names = [name.id for t in targets for name in ast.walk(t) if isinstance(name, ast.Name)]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.parametrize":
            value = node.args[1]
            names = [
                name
                for word in ast.walk(node.args[0])
                if isinstance(word, ast.Constant) and isinstance(word.value, str)
                for name in word.value.replace(" ", "").split(",")
            ]
        else:
            continue
        for name in names:
            found.setdefault(name, []).append(value)
    return found
