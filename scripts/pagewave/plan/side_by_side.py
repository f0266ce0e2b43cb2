"""What reading would cost and how long it would take by every road, side by side.

Nothing is switched by it: what is quicker at the same price is recommended, once it was measured
here how long calls take.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from pagewave.command_line import script
from pagewave.plan.pace import Pace, Paces
from pagewave.plan.roads import (
    Choice,
    Facts,
    Lane,
    Load,
    auto,
    deadline_note,
    patience_seconds,
    seconds,
)
from pagewave.wording import age, count

WORTH_A_WORD = 0.9
"""A road that takes a larger share of the time is not recommended."""
PROBE_PAGES = 5


@dataclass(frozen=True, slots=True)
class RoadForecast:
    """All by one road: USD (None where the model's price is unknown), seconds, and why so long.

    `is_this`: the configuration names it.
    """

    road: str
    usd: float | None
    seconds: float
    why: str
    is_this: bool


def side_by_side(
    facts: Facts,
    known: Paces,
    lanes: Sequence[Lane],
    usd: float | None,
    batches_one_after_another: int,
    transport: str,
) -> list[RoadForecast]:
    """Every road.

    Args:
        usd: the price by batch of all that is to be sent.
        batches_one_after_another: those that the run would wait for.
        transport: the road that the configuration names.
    """
    lanes = [lane for lane in lanes if lane.longest]
    if not lanes:
        return []
    # As the table's other rows do, it goes by the median; choosing counts on batches that hang.
    facts_here = replace(facts, batch_seconds=known.batch.seconds)
    everything, factor = Load.of(lanes), facts.standard_factor
    dear = None if usd is None else usd * factor
    rows = [
        (
            "batch",
            usd,
            batches_one_after_another * known.batch.seconds,
            _why_batch(known.batch, batches_one_after_another),
        ),
        ("flex", usd, seconds(facts_here, everything), _why_calls(facts, everything, known.flex)),
        (
            "standard",
            dear,
            seconds(facts_here, by_standard=everything),
            _why_calls(facts, everything, known.standard),
        ),
        ("auto", *_auto(facts, facts_here, lanes, usd)),
    ]
    return [RoadForecast(*row, is_this=row[0] == transport) for row in rows]


def advice(roads: Sequence[RoadForecast], known: Paces) -> str | None:
    """What a person might do: another road, or a look at how quick it is."""
    by_name = {road.road: road for road in roads}
    this = next((road for road in roads if road.is_this), None)
    if this is None or this.road == "auto":
        return None
    better = by_name["flex"]
    if this is better or by_name["auto"].seconds < WORTH_A_WORD * better.seconds:
        better = by_name["auto"]
    if better.seconds > WORTH_A_WORD * this.seconds:
        return None
    if not known.flex.measured:
        probe = script("plan", "--probe", str(PROBE_PAGES))
        return f"How quick calls are was not measured here yet. {PROBE_PAGES} of them tell: {probe}"
    price = "the same price" if this.usd == better.usd else "a lower price"
    return (
        f"Quicker at {price}: execution.transport: {better.road}, about {age(better.seconds)} in "
        f"place of {age(this.seconds)}, as measured here ({count(known.flex.measured, 'call')}). "
        f"For one run: --config 'execution={{transport: {better.road}}}'"
    )


def _auto(
    facts: Facts, facts_here: Facts, lanes: Sequence[Lane], usd: float | None
) -> tuple[float | None, float, str]:
    choices = auto(facts, lanes)
    by_road: dict[str, list[Lane]] = defaultdict(list)
    for lane in lanes:
        by_road[choices[lane.number].road].append(lane)
    loads = {road: Load.of(some) for road, some in by_road.items()}
    by_flex = loads.get("flex", loads.get("wait", Load()))
    by_batch, by_standard = loads.get("batch", Load()), loads.get("standard", Load())
    if usd is not None:
        share = by_standard.pages / sum(lane.pages for lane in lanes)
        usd *= 1 + share * (facts.standard_factor - 1)
    if set(by_road) == {"flex"}:
        patience = age(patience_seconds(facts, lanes))
        why = f"all lanes by flex; batch if it is refused for {patience}"
    else:
        why = "; ".join(_why_chosen(choices.values()))
    if note := deadline_note(facts, lanes):
        why += f"; {note}"
    return usd, seconds(facts_here, by_flex, by_batch, by_standard), why


def _why_chosen(choices: Iterable[Choice]) -> Iterator[str]:
    """How many lanes go which way, for each reason."""
    by_reason: dict[str, Counter[str]] = defaultdict(Counter)
    for choice in choices:
        by_reason[choice.why][choice.road] += 1
    for why, roads in by_reason.items():
        how = {road: "waiting for flex" if road == "wait" else f"by {road}" for road in roads}
        parts = [f"{count(number, 'lane')} {how[road]}" for road, number in roads.items()]
        yield f"{', '.join(parts)}: {why}"


def _why_batch(pace: Pace, steps: int) -> str:
    target = "" if pace.measured else "; Google aims at 24 h for each"
    return f"{count(steps, 'step')} of {age(pace.seconds)} ({pace.source}{target})"


def _why_calls(facts: Facts, load: Load, pace: Pace) -> str:
    a_call = f"{pace.seconds:.3g} s ({pace.source})"
    at_once = f"{facts.calls_at_once} calls at once"
    a_day = facts.limits.requests_per_day
    if a_day and load.pages > facts.calls_left_today:
        return f"{count(load.pages, 'page')} at {a_call}; {a_day:,} calls a day"
    if load.longest * facts.calls_at_once >= load.pages:
        return f"{count(load.longest, 'page')} one after another at {a_call}; {at_once}"
    return f"{count(load.pages, 'page')} at {a_call}; {at_once}"
