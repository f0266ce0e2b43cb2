"""Heads without Snakemake that are processes of their own: they can really be killed.

A `PlayedHead` is a process, forked from one that has imported all there is to import, which plays
one plain command over a library as a `Player` does. What it would tell the terminal goes to a file.
It takes a fifth of the time of a real command, for campaigns of hundreds of kills.
"""

import multiprocessing
import os
import ssl
import sys
from collections.abc import Mapping
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any
from unittest import mock

from helpers.library import RUN_SECONDS, Library
from helpers.playing import Player
from pagewave import crash_points as crash
from pagewave.log import log_to_terminal

_IMPORTS = ["helpers.playing", "pagewave.gemini.client", "google.genai", "rapidfuzz", "PIL.Image"]
_numbers = count(1)


class PlayedHead:
    """One plain command over a library, with what of `Head` campaigns use."""

    def __init__(self, library: Library) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(_IMPORTS)
        number = next(_numbers)
        self._output = library.root / f"played-{number}.txt"
        # The environment of the process that forks is that of its own start.
        told = (str(library.root), library.config, library.environment)
        self._process = context.Process(target=_play, args=(*told, str(self._output), number))
        # Python 3.11 does not tell the process that forks where modules are.
        with mock.patch.dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)):
            self._process.start()

    @property
    def output(self) -> str:
        """All it printed so far."""
        return self._output.read_text(encoding="utf-8") if self._output.exists() else ""

    def poll(self) -> int | None:
        """Its exit code; None: it runs."""
        return self._process.exitcode

    def wait(self) -> tuple[int, str]:
        """Its exit code and all it printed, once it has ended."""
        self._process.join(RUN_SECONDS)
        assert self._process.exitcode is not None, f"not over:\n{self.output}"
        return self._process.exitcode, self.output

    def kill(self) -> None:
        """SIGKILL; does nothing where it is over already."""
        self._process.kill()
        self._process.join()


def _play(
    root: str, config: dict[str, Any], environment: Mapping[str, str], output: str, number: int
) -> None:
    file = os.open(output, os.O_WRONLY | os.O_CREAT, 0o600)
    for stream in (1, 2):
        os.dup2(file, stream)
    os.environ.update(environment)
    os.chdir(root)
    # Certificates of all the world are loaded twice a client, and this service has none.
    ssl.create_default_context = cache(ssl.create_default_context)  # type: ignore[assignment]
    log_to_terminal()
    library = Library(Path(root), {})
    library.config = config
    player = Player(library, server=None)  # type: ignore[arg-type]  # the environment tells
    crash.arm(os.environ.get(crash.VARIABLE))
    sys.exit(player.play_to_death(f"head{number}") not in ("ok", "nothing"))
