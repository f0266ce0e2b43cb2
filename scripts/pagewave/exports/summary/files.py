"""The files of a summary; apart from what writes them, because that takes longer to import."""

from pathlib import Path

FILES = ("run.html", "waves.svg", "books.html", "failures.html", "cost.html", "books.tsv")
"""In the order in which they are written."""


def summary_files(logs_dir: Path) -> dict[str, Path]:
    """Where each file of the summary is, by its name."""
    return {name: logs_dir / "summary" / name for name in FILES}
