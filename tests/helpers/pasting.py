"""Commands that the docs name, and a shell into which they are pasted.

What counts as a command: the lines of an indented block, or of one fenced as `sh`; and what stands
in a line of text or a table as code, if it begins with a program of PROGRAMS and has more than one
word. So what is no command for a shell is fenced as something else.
"""

import json
import os
import re
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from helpers.embedded_process import NEVER_SECONDS, SCRIPTS
from helpers.forked_heads import PROGRAMS as FORKED
from helpers.forked_heads import ForkedHead
from helpers.lasting import Lasting

PROGRAMS = (
    *("pagewave", "snakemake", "python", "python3", "pytest", "pip", "pipx", "uv", "pre-commit"),
    *("git", "cd", "cp", "mkdir", "source", "sudo", "timeout", "until", "jq", "ssh", "sha256sum"),
    *("docker", "podman", "systemctl", "journalctl", "datasette", "rocrate-validator", "aws"),
    *("gcloud", "ruff", "mypy", "sphinx-build"),
)
"""What a command within a line of text begins with, also with `.venv/bin/` in front."""

_INLINE = re.compile(rf"(\.venv/bin/)?({'|'.join(map(re.escape, PROGRAMS))})\s+\S")
_SHIM = """\
#!{python} -IS
import json, os, socket, sys
place = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
place.connect({address!r})
order = {{"program": {program!r}, "arguments": sys.argv[1:], "cwd": os.getcwd()}}
order |= {{"environment": dict(os.environ)}}
socket.send_fds(place, [json.dumps(order).encode()], [0, 1, 2])
sys.exit(int(place.recv(9)))
"""
_MOST_BYTES = 1_000_000


@dataclass(frozen=True)
class Block:
    """Commands that follow one another, such as those of a block; `line` is where they begin."""

    file: str
    line: int
    commands: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def blocks(path: Path, name: str) -> Iterator[Block]:
    """All commands of a page of Markdown, in its order."""
    for token in MarkdownIt("commonmark").enable("table").parse(path.read_text(encoding="utf-8")):
        commands = tuple(_commands(token))
        if commands:
            assert token.map
            yield Block(name, token.map[0] + 1, commands)


def _commands(token: Token) -> Iterator[str]:
    if token.type == "code_block" or (token.type == "fence" and token.info in ("sh", "")):
        whole = token.content.replace("\\\n", " ")
        yield from (line for line in whole.splitlines() if line.strip() and line[0] != "#")
    elif token.type == "inline":
        codes = [child.content for child in token.children or () if child.type == "code_inline"]
        yield from filter(_INLINE.match, codes)


class PastingShell(Lasting):
    """A shell that finds `pagewave` and `snakemake`, forked where all is imported, and nothing else
    of the project's environment."""

    def __init__(self, folder: Path) -> None:
        self.programs = folder / "bin"
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._address = str(folder / "socket")

    def open(self) -> None:
        """Put the programs into their folder, and listen for what they are called with."""
        self._listening.bind(self._address)
        self._listening.listen()
        self.programs.mkdir()
        for program in FORKED:
            file = self.programs / program
            python = sys.executable
            file.write_text(_SHIM.format(python=python, address=self._address, program=program))
            file.chmod(stat.S_IRWXU)
        for program in ("python", "python3"):
            file = self.programs / program
            file.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
            file.chmod(stat.S_IRWXU)
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def paste(self, commands: Sequence[str], folder: Path, home: Path) -> tuple[list[int], str]:
        """Run commands one after another in one shell, which says yes to all that asks.

        Returns their exit codes and all that they printed.
        """
        codes = home / "codes"
        home.mkdir(exist_ok=True)
        codes.write_text("")
        script = "".join(f"{command}\necho $? >> '{codes}'\n" for command in commands)
        environment = {
            "PATH": f"{self.programs}:/usr/bin:/bin",
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(SCRIPTS),
        }
        with subprocess.Popen(["yes", "yes"], stdout=subprocess.PIPE) as yes:
            done = subprocess.run(
                ["bash", "-c", script],
                cwd=folder,
                env=environment,
                stdin=yes.stdout,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=NEVER_SECONDS,
            )
            yes.kill()
        return list(map(int, codes.read_text().split())), done.stdout

    def _serve(self) -> None:
        while True:
            try:
                called, _ = self._listening.accept()
            except OSError:  # closed
                return
            threading.Thread(target=_start, args=(called,), daemon=True).start()


def _start(called: socket.socket) -> None:
    """Fork what a shell has called, and hand it its exit code."""
    with called:
        data, files, _, _ = socket.recv_fds(called, _MOST_BYTES, 3)
        order = json.loads(data)
        given = (order["arguments"], Path(order["cwd"]), order["environment"], *files)
        head = ForkedHead(*given, program=order["program"], own=True)
        for file in files:
            os.close(file)
        called.send(str(head.wait() % 256).encode())
