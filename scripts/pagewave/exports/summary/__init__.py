"""What a run leaves for people: pages, tables and a timeline in `logs/summary`.

They are written when a run ends, from the ledger, and are what `snakemake --report` shows beside
the books. Whatever names, answers and errors say is text there, never markup.
"""

from functools import cache
from importlib.resources import files
from pathlib import Path

import jinja2

FILES = (
    *("run.html", "waves.svg", "books.html", "failures.html", "cost.html", "history.html"),
    "books.tsv",
)
"""In the order in which they are written."""


def summary_files(logs_dir: Path) -> dict[str, Path]:
    """Where each file of the summary is, by its name."""
    return {name: logs_dir / "summary" / name for name in FILES}


@cache
def template(name: str) -> jinja2.Template:
    """A template of this folder; whatever is put into it is escaped."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    text = files(__package__).joinpath(name).read_text(encoding="utf-8")
    return environment.from_string(text)
