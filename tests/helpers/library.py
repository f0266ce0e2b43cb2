"""A small library of books in a folder, and the real `snakemake` command run over it."""

import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import yaml
from PIL import Image

from helpers.embedded_process import NEVER_SECONDS, SCRIPTS, wait_for
from helpers.forked_heads import POSSIBLE, ForkedHead, python
from helpers.lasting import Lasting
from helpers.pty_terminal import PtyTerminal
from pagewave import crash_points as crash

REPO = Path(__file__).parents[2]
RUN_SECONDS = NEVER_SECONDS
PROGRAM = ["-m", "snakemake"]
NO_PROFILE = ("--workflow-profile", "none", "--cores", "2")
"""Options for a run as Snakemake itself would have it: each job is a process of its own."""


class Library(Lasting):
    """Books of tiny pages, no two alike, under `root`; `root` is where runs take place.

    `books` maps "state/school/year" to a number of pages, or to their numbers. Further arguments
    are sections of the configuration, laid over the ones that every test shares. `project` is the
    workflow that runs, with which of its profiles, `program` what Python is to run for
    `snakemake`, `environment` what its processes find beside the usual; `before_start` is called in
    each of its processes before it starts. `configfile` is what runs and commands are given. Heads
    are forked where nothing of that is in the way (forked_heads.py); tests about the start itself
    have the marker `real_start`.
    """

    forks = POSSIBLE

    def __init__(
        self, root: Path, books: Mapping[str, int | Sequence[int]], **sections: dict[str, Any]
    ) -> None:
        self.root = root
        self.config: dict[str, Any] = {
            "engine": "embedded",
            "paths": {"label_source_dir": "labels", "image_source_dir": "images"},
            "prompt": {"registry_dir": str(REPO / "prompts")},
            # It takes temperatures, so that retries differ in what they are sent.
            "model": {"name": "gemini-2.5-flash"},
            "batch": {"poll_interval_seconds": 0.05},
            "embedded": {"reader": "echo"},
            # It has tests of its own.
            "site": {"enabled": False},
        }
        self.project = REPO
        self.profile = "local"
        self.configfile = "config.yaml"
        self.program = PROGRAM
        self.environment: dict[str, str] = {}
        self.before_start: Callable[[], object] | None = None
        self.heads: list[Head] = []
        self.configure(**sections)
        for book, pages in books.items():
            for number in range(1, pages + 1) if isinstance(pages, int) else pages:
                self.add_page(book, number)

    def close(self) -> None:
        """Kills every head that still runs."""
        for head in self.heads:
            head.kill()

    def configure(self, **sections: dict[str, Any]) -> None:
        """Lays values over the configuration, key by key of each section, and writes it."""
        for section, values in sections.items():
            self.config[section] = self.config.get(section, {}) | values
        text = yaml.safe_dump(self.config, allow_unicode=True)
        (self.root / "config.yaml").write_text(text, encoding="utf-8")

    def image(self, key: str) -> Path:
        """The image of a page."""
        return self.root / "images" / f"{_place(key)}.jpg"

    def add_page(self, book: str, number: int, seed: str = "") -> None:
        """A label and an image whose noise no other page of any book (or other seed) has."""
        label = self.root / "labels" / book / f"{number}.json"
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text("{}")
        image = self.root / "images" / book / f"{number}.jpg"
        image.parent.mkdir(parents=True, exist_ok=True)
        noise = random.Random(f"{seed}{book}/{number}").randbytes(16 * 16 * 3)
        data = BytesIO()
        Image.frombytes("RGB", (16, 16), noise).save(data, "JPEG", quality=95)
        image.write_bytes(data.getvalue())

    # Running

    def start(
        self,
        *arguments: str,
        profile: bool = True,
        under: Sequence[str] = (),
        forks: bool | None = None,
        columns: int | None = None,
    ) -> "Head":
        """Starts the command and does not wait for it; it is killed when the library is left.

        `under` goes in front of it, such as `timeout 5`; `forks`: not as other heads of the test.
        `columns`: at a terminal that is so wide.
        """
        profiles = self.project / "profiles"
        options = ("--workflow-profile", str(profiles / "default"))
        options += ("--profile", str(profiles / self.profile))
        # Arguments first: a target after --configfile would be taken for a second such file.
        given = ["-s", str(self.project / "Snakefile"), *arguments]
        given += [*(options if profile else NO_PROFILE), "--configfile", self.configfile]
        environment = _environment(self.root) | self.environment
        is_plain = self.program == PROGRAM and not self.before_start
        # What Python itself reads from its environment it reads as it starts.
        is_plain &= not any(name.startswith("PYTHON") for name in self.environment)
        with self._new_output() as output:
            terminal = PtyTerminal(Path(output.name), columns) if columns else None
            if terminal:
                environment |= {"TERM": "xterm"}
            device = terminal.device if terminal else output.fileno()
            is_forked = is_plain and (self.forks if forks is None else forks)
            process = (
                ForkedHead(given, self.root, environment, device)
                if is_forked and not under
                else subprocess.Popen(
                    [*under, *(python() if is_forked else [sys.executable]), *self.program, *given],
                    cwd=self.root,
                    stdin=subprocess.DEVNULL,
                    stdout=device,
                    stderr=subprocess.STDOUT,
                    env=environment,
                    preexec_fn=self.before_start,
                    start_new_session=True,
                )
            )
        self.heads.append(Head(process, Path(output.name), terminal))
        return self.heads[-1]

    def _new_output(self) -> IO[bytes]:
        folder = self.root / "output"
        folder.mkdir(exist_ok=True)
        return (folder / f"{len(list(folder.iterdir()))}.txt").open("wb")

    def run(
        self,
        *arguments: str,
        code: int = 0,
        profile: bool = True,
        seconds: float = RUN_SECONDS,
    ) -> str:
        """Runs the command to its end, checks its exit code, and returns all it printed."""
        head = self.start(*arguments, profile=profile)
        returned, output = head.wait(seconds)
        assert returned == code, f"exit code {returned}, not {code}:\n{output}"
        return output

    def command(
        self, script: str, *arguments: str, code: int = 0, answer: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Runs an operator's command over the library's configuration; checks its exit code."""
        given = [] if "--ledger" in arguments else ["--configfile", self.configfile]
        program = python() if self.forks else [sys.executable]
        result = subprocess.run(
            [*program, str(SCRIPTS / script), *given, *arguments],
            cwd=self.root,
            env=_environment(self.root),
            input=answer,
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
        )
        shown = f"{result.stdout}\n{result.stderr}"
        assert result.returncode == code, f"exit code {result.returncode}, not {code}:\n{shown}"
        assert "Traceback (most recent" not in result.stderr, shown
        return result

    def crash(self, place: str, *arguments: str) -> None:
        """Runs the command, which dies at a crash point (pagewave/crash_points.py)."""
        self.environment[crash.VARIABLE] = place
        self.run(*arguments, code=crash.EXIT_CODE)
        del self.environment[crash.VARIABLE]

    # Looking

    @property
    def state(self) -> Path:
        """The folder of ledger and embedded server."""
        return self.root / "state"

    def page_file(self, key: str) -> Path:
        """The file of a page's answer."""
        return self.root / "results/pages" / f"{_place(key)}.json"

    def text(self, key: str) -> str:
        """What was read on a page."""
        page = json.loads(self.page_file(key).read_text(encoding="utf-8"))
        return "\n".join(_texts(page))

    def book(self, book: str) -> dict[str, Any]:
        """A book's book.json."""
        path = self.root / "results/books" / book / "book.json"
        return dict(json.loads(path.read_text(encoding="utf-8")))

    def has_book(self, book: str) -> bool:
        """Was the book written?"""
        return (self.root / "results/books" / book / "book.json").exists()

    def events(self, event: str) -> list[dict[str, Any]]:
        """The embedded server's events of one kind, oldest first; none where no server ran."""
        path = self.state / "embedded/log.jsonl"
        if not path.exists():
            return []
        # A line that is still being written has no end yet.
        lines = path.read_text(encoding="utf-8").rpartition("\n")[0].splitlines()
        return [entry for entry in map(json.loads, lines) if entry["event"] == event]

    def inferences(self) -> Counter[str]:
        """How often each key was read at the server."""
        return Counter(entry["key"] for entry in self.events("inference"))

    def ledger(self, sql: str) -> list[tuple[Any, ...]]:
        """What a query of the ledger brings."""
        with contextlib.closing(sqlite3.connect(self.state / "ledger.sqlite")) as connection:
            return connection.execute(sql).fetchall()

    def manifests(self) -> list[dict[str, Any]]:
        """The waves' manifests of all runs."""
        files = sorted((self.root / "logs/waves").rglob("*.json"))
        return [json.loads(file.read_text(encoding="utf-8")) for file in files]


class Head:
    """A running `snakemake`; all it prints goes to a file, so that no pipe can fill up."""

    def __init__(
        self,
        process: ForkedHead | subprocess.Popen[bytes],
        output: Path,
        terminal: PtyTerminal | None = None,
    ) -> None:
        self.process = process
        self._output = output
        self._terminal = terminal

    @property
    def output(self) -> str:
        """All it printed so far."""
        return self._output.read_text(encoding="utf-8", errors="replace")

    def wait(self, seconds: float = RUN_SECONDS) -> tuple[int, str]:
        """Its exit code and all it printed, once it has ended."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"not over after {seconds} s:\n{self.output}") from None
        if self._terminal:
            self._terminal.close()
            self._terminal = None
        return code, self.output

    def poll(self) -> int | None:
        """Its exit code; None: it runs."""
        return self.process.poll()

    def wait_for_create(self, library: Library, count: int = 1) -> None:
        """Waits until the server has been given its `count`-th batch."""

        def created() -> bool:
            assert self.process.poll() is None, f"it ended too early:\n{self.output}"
            return len(library.events("create")) >= count

        wait_for(created)

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to the head alone."""
        self.process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL, as a crash would; does nothing where it is over already."""
        self.process.kill()
        self.process.wait()
        if self._terminal:
            self._terminal.close()
            self._terminal = None


def _environment(root: Path) -> dict[str, str]:
    """The environment without what a shell may have set for pagewave, Gemini or Snakemake."""
    prefixes = ("PAGEWAVE_", "GEMINI_", "GOOGLE_", "BRAINTRUST_", "SNAKEMAKE_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}
    return kept | {"PYTHONPATH": str(SCRIPTS), "XDG_CACHE_HOME": str(root / ".cache")}


def _place(key: str) -> str:
    """Where a page's files lie in every tree, without suffix."""
    state, rest = key.split(":", 1)
    school, year, page = rest.rsplit(":", 2)
    return f"{state}/{school}/{year}/{page}"


def _texts(value: Any) -> list[str]:
    """All texts in a JSON value, in order."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [text for item in value for text in _texts(item)] if isinstance(value, list) else []
