"""Kills in waves of single calls: what the server read, and what the ledger says of it afterwards.

    python tests/faults/call_kills.py              200 kills, as a table
    python tests/faults/call_kills.py --kills 20 --seed 7 --transport auto
    python tests/faults/call_kills.py --real       by the real command

A library is read by processes that do what the command does, but for Snakemake (played_heads.py),
two libraries at a time; by flex from a server with log-normal latencies, some answers of which get
lost; or by `auto`, from one whose flex refuses for a while. The command dies at one of the points
of a call, when a page was written, or by SIGKILL at a random moment; then it is started again, and
dies again, a few times. Then the plain command must finish. Afterwards:

- the server's reads <= the ledger's attempts <= reads + calls that were in flight when it died;
- each page says what its own key is, and which page it was told about;
- each call whose answer nobody has is named by the run that finds it;
- no question has two good answers, nothing is left open.

test_call_kills.py plays a few.
"""

import argparse
import functools
import itertools
import random
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2] / "scripts")]

from rich.console import Console
from rich.table import Table

from helpers.accounts import problems_of_pages
from helpers.embedded_process import EmbeddedProcess
from helpers.known_pace import know_pace
from helpers.library import Head, Library
from helpers.played_heads import PlayedHead
from pagewave import crash_points as crash

BOOKS = {"Ohio/Ashgrove/1852": 5, "Ohio/Elm/1850": 4, "Ohio/Linden/1866": 3, "Ohio/Oak/1851": 2}
PAGES = sum(BOOKS.values())
POINTS = ("call-sent", "call-answered", "answer-stored", "page-written")
SIGKILL = "SIGKILL"
PLACES = (*POINTS, SIGKILL)
KILLS_OF_A_LIBRARY = 5
AT_ONCE = 2
CALL_SECONDS = 0.05
REFUSES = "tier-full:tier=flex,times=400"
Start = Callable[[Library], Head | PlayedHead]
LOSES = ["cut-after:call=generate,probability=0.02"]
NAMED = re.compile(r"^pagewave: .* answers? of single calls got lost|got lost", re.MULTILINE)


@dataclass
class Story:
    """A library, how often its reading was killed where, by which roads it was read, and what was
    wrong in the end."""

    kills: Counter[str] = field(default_factory=Counter)
    reads: int = 0
    attempts: int = 0
    in_doubt: int = 0
    roads: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)


def play(
    root: Path,
    seed: int,
    kills: int = KILLS_OF_A_LIBRARY,
    *,
    transport: str = "flex",
    start: Start = PlayedHead,
) -> Story:
    """Kill the reading of one library so often, let it finish, and look.

    `start` starts a command over a library.
    """
    chance, story = random.Random(seed), Story()
    root.mkdir()
    server = EmbeddedProcess(
        root / "state/embedded", "--call-seconds", str(CALL_SECONDS), "--seed", str(seed)
    )
    if transport == "auto":
        know_pace(root / "state/ledger.sqlite", batch=0.6, flex=0.02)
    execution = {"transport": transport, "max_batch_failures": 50}
    with Library(root, BOOKS, execution=execution) as library:
        with server:
            server.show_images(root / "images")
            refuses = [f"{REFUSES},skip={chance.randint(0, 5)}"] if transport == "auto" else []
            server.set_faults([f"{LOSES[0]},seed={seed}", *refuses])
            library.environment |= {
                "PAGEWAVE_EMBEDDED_URL": server.base_url,
                "PAGEWAVE_EMBEDDED_TOKEN": server.token,
            }
            outputs = [_kill(library, chance, story, start) for _ in range(kills)]
            code, output = start(library).wait()
            outputs.append(output)
            if code:
                story.problems.append(f"the plain command ended with {code}: {output[-2000:]}")
            _wait_until_quiet(server)
        _judge(library, outputs, story)
    return story


def _kill(library: Library, chance: random.Random, story: Story, start: Start) -> str:
    """Start the command, and end it at a place drawn by chance, unless it is done before."""
    place = chance.choice(PLACES)
    if place == SIGKILL:
        head = start(library)
        _wait_for_a_call(library, head)
        time.sleep(chance.uniform(0, 6 * CALL_SECONDS))
        head.kill()
    else:
        library.environment[crash.VARIABLE] = f"{place}:{chance.randint(1, 3)}"
        head = start(library)
        head.wait()
        del library.environment[crash.VARIABLE]
    story.kills[place] += head.poll() in (crash.EXIT_CODE, -signal.SIGKILL)
    return head.output


def _wait_for_a_call(library: Library, head: Head | PlayedHead) -> None:
    before = len(library.events("call"))
    while head.poll() is None and len(library.events("call")) == before:
        time.sleep(0.005)


def _wait_until_quiet(server: EmbeddedProcess) -> None:
    """Calls of heads that are dead are read all the same, a little later."""
    while len(server.log("call")) > sum(e["batch"] is None for e in server.log("inference")):
        time.sleep(0.02)


def _judge(library: Library, outputs: list[str], story: Story) -> None:
    """What is not as it must be."""
    story.reads = library.inferences().total()
    story.attempts = library.ledger("SELECT COUNT(*) FROM attempt")[0][0]
    roads = "SELECT DISTINCT transport FROM batch b JOIN attempt a ON a.batch_id = b.id"
    story.roads = {road for (road,) in library.ledger(roads)}
    doubtful = library.ledger(
        "SELECT r.key, b.display_name FROM batch b JOIN record r ON r.batch_id = b.id"
        " WHERE b.state = 'UNANSWERED'"
    )
    story.in_doubt = len(doubtful)
    found = problems_of_pages(library)
    if not story.reads <= story.attempts <= story.reads + story.in_doubt:
        found.append(f"{story.reads} reads, {story.attempts} attempts, {story.in_doubt} in doubt")
    read, tried = library.inferences(), Counter(library.ledger("SELECT key FROM attempt"))
    for key, times in read.items():
        if tried[(key,)] < times:
            found.append(f"{key} was read {times} times, the ledger has {tried[(key,)]} attempts")
    said = "\n".join(outputs)
    found += [f"{key} ({name}) is not named" for key, name in doubtful if name not in said]
    if doubtful and not NAMED.search(said):
        found.append("no run's last lines tell of lost answers")
    twice = library.ledger(
        "SELECT key FROM attempt WHERE ok GROUP BY fingerprint HAVING COUNT(*) > 1"
    )
    # What was lost to us may have been read; what the ledger has it asks for no more.
    found += [f"{key} has two good answers" for (key,) in twice]
    left = library.ledger(
        "SELECT display_name FROM batch WHERE status NOT IN ('collected', 'abandoned')"
    )
    found += [f"{name} is left open" for (name,) in left]
    story.problems += found


def play_all(folder: Path, kills: int, seed: int, transport: str, start: Start) -> Iterator[Story]:
    """Libraries, as many at a time, until there were so many kills."""
    done, numbers = 0, itertools.count()
    playing = functools.partial(play, transport=transport, start=start)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        while done < kills:
            chosen = list(itertools.islice(numbers, AT_ONCE))
            roots = [folder / str(number) for number in chosen]
            seeds = [seed + number for number in chosen]
            for story in pool.map(playing, roots, seeds):
                done += story.kills.total()
                yield story


def table_of(stories: list[Story]) -> Table:
    """How often it was killed where, and what that came to."""
    table = Table("place", "kills")
    for place in PLACES:
        table.add_row(place, str(sum(story.kills[place] for story in stories)))
    table.add_row("in all", str(sum(story.kills.total() for story in stories)))
    return table


def main() -> int:
    """Play; 1 when something was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--transport", choices=["flex", "auto"], default="flex")
    parser.add_argument("--real", action="store_true", help="by the real command")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        start: Start = Library.start if given.real else PlayedHead
        stories = list(play_all(Path(name), given.kills, given.seed, given.transport, start))
    Console(width=None if sys.stdout.isatty() else 160).print(table_of(stories))
    for number, story in enumerate(stories):
        for problem in story.problems:
            print(f"library {number} (seed {given.seed + number}): {problem}")
    print(
        f"{len(stories)} libraries of {PAGES} pages: {sum(s.reads for s in stories)} reads, "
        f"{sum(s.attempts for s in stories)} attempts, {sum(s.in_doubt for s in stories)} answers "
        "in doubt, each named."
    )
    return 1 if any(story.problems for story in stories) else 0


if __name__ == "__main__":
    sys.exit(main())
