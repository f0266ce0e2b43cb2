"""A small Snakefile run by the real command: what pagewave relies on of Snakemake, alone."""

import subprocess
from pathlib import Path

from helpers.embedded_process import NEVER_SECONDS, SCRIPTS
from helpers.forked_heads import python

HEAD = f"""
import json
import logging
import sys
import threading
from pathlib import Path

sys.path.insert(0, {str(SCRIPTS)!r})
from pagewave.workflow import guarantees, internals, many_jobs, sayings, terminal, wave_end
"""
OPTIONS = ("--cores", "1", "--force-use-threads", "--scheduler", "greedy", "--nolock")
OPTIONS += ("--keep-going", "--rerun-triggers")


def snakemake(
    folder: Path,
    snakefile: str,
    *arguments: str,
    code: int = 0,
    triggers: tuple[str, ...] = ("mtime",),
) -> str:
    """Runs a Snakefile in a folder, checks its exit code, and returns all it printed."""
    (folder / "Snakefile").write_text(HEAD + snakefile)
    done = subprocess.run(
        [*python(), "-m", "snakemake", *arguments, *OPTIONS, *triggers],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=NEVER_SECONDS,
    )
    assert done.returncode == code, done.stdout
    return done.stdout
