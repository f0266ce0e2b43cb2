"""What an answer used: the service's counts of tokens, made consistent and bounded.

What this says of an answer is what the ledger keeps; budgets, totals and Braintrust rows read it
there. Counts come missing, as text, or not adding up, and what is not counted is paid all the same:
so in doubt an answer used the more, and where nobody can tell, the most that it could.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pagewave.answers.loose_json import Json, as_object, get

MOST_TOKENS = 2**31 - 1
"""Counts are int32 at the service (ai.google.dev, "UsageMetadata"); a larger one is none. So is the
sum of a million of them one that SQLite can hold."""

INPUT, TOOL_INPUT = "promptTokenCount", "toolUsePromptTokenCount"
OUTPUT, THOUGHTS = "candidatesTokenCount", "thoughtsTokenCount"
CACHED, TOTAL = "cachedContentTokenCount", "totalTokenCount"
SHOWN_CHARS = 40


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that are paid for; thoughts are not part of the output but cost the same.

    Cached tokens are part of the prompt's. `problem`: what is odd about the service's counts, None
    where they add up.
    """

    prompt_tokens: int
    output_tokens: int
    thoughts_tokens: int
    cached_tokens: int
    total_tokens: int
    problem: str | None = None

    @property
    def is_known(self) -> bool:
        """Did the service count? If not, all is zero here, and costs the most that it can."""
        return self.prompt_tokens > 0


def unknown(problem: str) -> Usage:
    """Nobody can tell what was used."""
    return Usage(0, 0, 0, 0, 0, problem)


def together(usages: Sequence[Usage]) -> Usage:
    """What several answers used; where the service did not count one, nobody can tell."""
    problem = next((usage.problem for usage in usages if usage.problem), None)
    if not usages or not all(usage.is_known for usage in usages):
        return unknown(problem or "there is no answer")
    return Usage(
        prompt_tokens=sum(usage.prompt_tokens for usage in usages),
        output_tokens=sum(usage.output_tokens for usage in usages),
        thoughts_tokens=sum(usage.thoughts_tokens for usage in usages),
        cached_tokens=sum(usage.cached_tokens for usage in usages),
        total_tokens=sum(usage.total_tokens for usage in usages),
        problem=problem,
    )


def usage_of(response: Json) -> Usage:
    """What a response used.

    Output is what is given (candidates and thoughts), but never less than what the total leaves
    beside the input: that is paid too.
    """
    counts = get(response, "usageMetadata")
    if not isinstance(counts, dict):
        return unknown("it tells no counts")
    found = {
        name: _count(get(counts, name)) for name in (INPUT, TOOL_INPUT, OUTPUT, THOUGHTS, TOTAL)
    }
    for name, number in found.items():
        if number is None:
            return unknown(f"{name} is {_shown(get(counts, name))}")
    prompt, tools, output, thoughts, total = (number or 0 for number in found.values())
    if not prompt:
        return unknown(f"{INPUT} is missing")
    given = prompt + tools + output + thoughts
    paid = max(output, total - prompt - tools - thoughts)
    if not paid and _wrote(response, bool(thoughts)):
        return unknown(f"{OUTPUT} is missing, and {TOTAL} does not make up for it")
    problem = None
    if total and total != given:
        problem = f"{TOTAL} is {total}, its parts make {given}"
    cached = _count(get(counts, CACHED))
    if cached is None or cached > prompt:
        problem = f"{CACHED} is {_shown(get(counts, CACHED))}, {INPUT} {prompt}"
    return Usage(
        prompt_tokens=prompt + tools,
        output_tokens=paid,
        thoughts_tokens=thoughts,
        cached_tokens=min(cached or 0, prompt),
        total_tokens=prompt + tools + paid + thoughts,
        problem=problem,
    )


def _count(value: Any) -> int | None:
    """A count, or None where it is none; proto3 JSON leaves out zeros, and may write numbers as
    text or with a point."""
    if value is None:
        return 0
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,10}", value):
        value = int(value)
    if isinstance(value, float) and value.is_integer():  # neither infinity nor NaN is one
        value = int(value)
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_TOKENS
    return value if is_count else None


def _shown(value: Any) -> str:
    is_plain = value is None or isinstance(value, str | int | float)
    return repr(value)[:SHOWN_CHARS] if is_plain else f"a {type(value).__name__}"


def _wrote(response: Json, has_thought: bool) -> bool:
    """Did the model write what must have been counted? What was blocked may have no output.

    What reached the limit of tokens wrote, or thought, up to there.
    """
    candidates = response.get("candidates")
    first = as_object(candidates[0] if isinstance(candidates, list) and candidates else None)
    is_cut = str(get(first, "finishReason")).upper() == "MAX_TOKENS" and not has_thought
    return is_cut or bool(as_object(first.get("content")).get("parts"))
