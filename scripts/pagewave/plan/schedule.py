"""Which wave carries which page: a pure function of what a run is to read and of the ledger.

Chains of like length share a lane. A lane's waves follow one another; each carries the next page of
every chain of the lane. As long as nothing fails, a page rides in the lane's next wave plus its
place among the pages that its chain still has to read: so every wave of a run can be named before
the first one starts. A failed page rides again in the next wave, and the rest of its chain follows
it; a page that became a dead letter stays with the wave it died in, and its chain ends there or,
where dead letters do not block, goes on behind it.
"""

import math
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from pagewave.ledger import Ledger, Outcome, PlannedPage


def plan(
    chains: Sequence[Sequence[str]], lane_size: int, in_flight: Mapping[str, int] | None = None
) -> list[PlannedPage]:
    """Put chains of keys into lanes of at most `lane_size` chains, the longest ones first.

    Lanes of like length cost the fewest batches: a lane is over when its longest chain is.

    Args:
        in_flight: open batches by key. Chains whose next pages are in one batch share a lane: in
            another order, runs that do not wait would send ever smaller batches.
    """
    groups: dict[tuple[str, int], list[Sequence[str]]] = defaultdict(list)
    for number, chain in enumerate(sorted(filter(None, chains), key=len, reverse=True)):
        batch = (in_flight or {}).get(chain[0])
        groups[("batch", batch) if batch else ("chain", number)].append(chain)
    planned: list[PlannedPage] = []
    lane, room, number = 0, 0, 0
    for group in groups.values():
        if room < min(len(group), lane_size):
            lane, room = lane + 1, lane_size
        for chain in group:
            if not room:
                lane, room = lane + 1, lane_size
            room, number = room - 1, number + 1
            planned += [PlannedPage(key, lane, number, place) for place, key in enumerate(chain)]
    return planned


@dataclass(slots=True)
class _Chain:
    lane: int
    keys: list[str] = field(default_factory=list)
    passed: int = 0
    died_in_wave: int | None = None

    @property
    def pages_left(self) -> int:
        return 0 if self.died_in_wave else len(self.keys) - self.passed


class Schedule:
    """The waves of one run; each answer takes in what the ledger gained since the last one.

    `continues_past_dead_letters`: a dead letter does not end its chain. `pages_ahead`: how many
    pages of each chain a wave is thought to carry; that it carries fewer or more is taken in when
    it ends, as failures are. `is_fixed`: none ends meanwhile, as this is a look at what would be.
    """

    def __init__(
        self,
        ledger: Ledger,
        run_id: str,
        pages: Sequence[PlannedPage],
        continues_past_dead_letters: bool = False,
        pages_ahead: int = 1,
        *,
        is_fixed: bool = False,
    ) -> None:
        self.pages = pages
        self._is_fixed = is_fixed
        self._pages_ahead = pages_ahead
        self._continues_past_dead_letters = continues_past_dead_letters
        self._ledger = ledger
        self._run_id = run_id
        self._chain_of: dict[str, _Chain] = {}
        self._place: dict[str, int] = {}
        self._carried: dict[str, int] = {}
        self._lanes: dict[int, list[_Chain]] = defaultdict(list)
        self._next_wave: dict[int, int] = defaultdict(lambda: 1)
        self._latest_wave = 0
        self._lock = threading.RLock()
        chains: dict[int, _Chain] = {}
        for page in pages:
            if page.chain not in chains:
                chains[page.chain] = _Chain(page.lane)
                self._lanes[page.lane].append(chains[page.chain])
            chains[page.chain].keys.append(page.key)
            self._chain_of[page.key] = chains[page.chain]
            self._place[page.key] = page.place

    def __contains__(self, key: str) -> bool:
        """Is the page among those that the run reads?"""
        return key in self._chain_of

    @property
    def lanes(self) -> list[int]:
        """The numbers of the run's lanes."""
        return list(self._lanes)

    @property
    def chains(self) -> list[list[str]]:
        """The keys of each chain that the run reads."""
        return [chain.keys for lane in self._lanes.values() for chain in lane]

    def lane_of(self, key: str) -> int:
        """The lane that the page travels in."""
        return self._chain_of[key].lane

    def wave_of(self, key: str) -> int:
        """The number of the wave that the page's answer is expected from, or came from."""
        with self._as_of_now():
            chain, place = self._chain_of[key], self._place[key]
            if place < chain.passed:
                return self._carried[key]
            if chain.died_in_wave:
                return chain.died_in_wave
            return self._next_wave[chain.lane] + (place - chain.passed) // self._pages_ahead

    def steps_before(self, lane: int, wave: int) -> int:
        """How many waves of its lane come before a wave that is to come."""
        with self._as_of_now():
            return max(0, wave - self._next_wave[lane])

    def members(self, lane: int, wave: int) -> list[str]:
        """Keys of the pages that a wave to come will carry, as far as the ledger tells today."""
        return [key for leg in self.legs(lane, wave) for key in leg[: self._pages_ahead]]

    def legs(self, lane: int, wave: int) -> list[list[str]]:
        """What each chain will have left to read when a wave to come begins: keys in their order.

        Chains that will have been read by then have none.
        """
        with self._as_of_now():
            ahead = (wave - self._next_wave[lane]) * self._pages_ahead
            if ahead < 0:
                return []
            return [
                chain.keys[chain.passed + ahead :]
                for chain in self._lanes[lane]
                if ahead < chain.pages_left
            ]

    def chains_left(self) -> list[list[str]]:
        """What each chain has still to read: keys in their order."""
        with self._as_of_now():
            return [leg for lane in self._lanes for leg in self.legs(lane, self._next_wave[lane])]

    def last_of_chain(self, key: str) -> str:
        """The last page that the run reads in the page's chain."""
        return self._chain_of[key].keys[-1]

    def waves_left(self, lane: int, wave: int) -> int:
        """Waves from this one to the end of the lane's longest chain."""
        with self._as_of_now():
            longest = max((chain.pages_left for chain in self._lanes[lane]), default=0)
            waves = math.ceil(longest / self._pages_ahead)
            return max(0, waves - (wave - self._next_wave[lane]))

    def to_come(self, lane: int) -> list[list[str]]:
        """What each wave that the lane still needs will carry if nothing fails."""
        with self._as_of_now():
            first = self._next_wave[lane]
            last = first + self.waves_left(lane, first)
            return [self.members(lane, wave) for wave in range(first, last)]

    def waves(self) -> dict[int, int]:
        """How many waves each lane still needs if nothing fails."""
        with self._as_of_now():
            return {lane: self.waves_left(lane, self._next_wave[lane]) for lane in self._lanes}

    @contextmanager
    def _as_of_now(self) -> Iterator[None]:
        """Take in the waves that ended since the last look; meanwhile no other thread does."""
        if self._is_fixed:
            yield
            return
        with self._lock:
            latest = self._ledger.runs.latest_wave()
            if latest != self._latest_wave:
                self._take_in(latest)
            yield

    def _take_in(self, latest: int) -> None:
        waves = self._ledger.runs.waves_since(self._run_id, self._latest_wave)
        for wave_id, lane, number in waves:
            for outcome in self._ledger.runs.wave_outcomes(wave_id):
                chain = self._chain_of[outcome.key]
                dead = outcome.outcome == Outcome.DEAD
                if outcome.outcome == Outcome.READ or (dead and self._continues_past_dead_letters):
                    self._carried[outcome.key] = number
                    chain.passed += 1
                elif dead:
                    chain.died_in_wave = number
            self._next_wave[lane] = number + 1
        # Another one may have ended since `latest` was asked for.
        self._latest_wave = max([latest, *(wave_id for wave_id, _, _ in waves)])
