"""What a person runs beside a run: look at it and its failures, clear, cancel, try, rebuild.

A command is one module or folder with a `main`: `pagewave COMMAND` and `python scripts/MODULE.py`
are the same (`command_names.py` says which is which). `command` has what all share, `selection`
which pages one is about. Looking never writes; what changes a ledger whole takes the lock that a
run takes.
"""

import sys
from importlib.util import find_spec

if find_spec("pydantic") is None:
    # Another Python than the project's: it finds scripts, and nothing that they need.
    sys.exit(
        f"pagewave: {sys.executable} is not the Python that pagewave is installed in. In a "
        "checkout that is .venv/bin/python, and every command is .venv/bin/pagewave COMMAND. If "
        "there is no .venv yet, README.md says how to make it."
    )
