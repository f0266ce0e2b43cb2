"""A job on a machine that shares no disk with the head: all it needs is pagewave and its parcel.

python -m pagewave.workflow.cluster.apart_job THREADS      in the folder of an unpacked parcel
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from pagewave.config.settings import load_settings
from pagewave.errors import PagewaveError, exit_on_error
from pagewave.exports.registry import find_exporters
from pagewave.log import log_to_terminal
from pagewave.own_files import SCRIPTS
from pagewave.pages.dataset import Dataset
from pagewave.workflow.cluster.job import RemoteJob
from pagewave.workflow.cluster.parcels import (
    CONTENTS,
    EXPORTS,
    IMAGES,
    WORDS,
    Given,
    pack_made,
    unpack,
)
from pagewave.workflow.run import RUN_VARIABLE
from pagewave.workspace import chosen_prompt


def carry_out(given: str, made: str, threads: int) -> None:
    """Do what a parcel asks for, in a folder of its own, and pack what was made.

    Raises:
        PagewaveError: it failed; what it said stands above.
    """
    with tempfile.TemporaryDirectory(prefix="pagewave-") as name:
        folder = Path(name)
        asked = unpack(Path(given), folder)
        # A process of its own, as paths start at its folder.
        environment = {**os.environ, "PYTHONPATH": str(SCRIPTS), RUN_VARIABLE: asked.run}
        done = subprocess.run(
            [sys.executable, "-m", __name__, str(threads)], cwd=folder, env=environment
        )
        if done.returncode:
            raise PagewaveError(f"{asked.kind} of {' '.join(asked.of)}: failed, as said above.")
        pack_made(Path(made), asked, folder)


def main() -> None:
    """The job itself, in the folder of its parcel."""
    log_to_terminal()
    asked = Given.model_validate_json(Path(CONTENTS).read_bytes())
    for name in ("label_source_dir", "image_source_dir"):
        Path(asked.settings["paths"][name]).mkdir(parents=True, exist_ok=True)
    settings = load_settings(asked.settings, Path.cwd())
    is_apart = settings.prompt.context == "none"
    dataset = Dataset(tuple(asked.books), levels=settings.paths.tree, is_apart=is_apart)
    exporters = find_exporters(settings.exports, Path.cwd()) if asked.kind == EXPORTS else []
    job = RemoteJob(settings, dataset, chosen_prompt(settings), exporters)
    jobs: dict[str, Callable[..., None]] = {
        IMAGES: lambda number, report: job.make_images(int(number), report),
        WORDS: lambda book: job.write_words(book, int(sys.argv[1])),
        EXPORTS: lambda form, book=None: job.write_export(form, book),
    }
    jobs[asked.kind](*asked.of)


if __name__ == "__main__":
    exit_on_error(main)
