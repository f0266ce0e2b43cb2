"""A few pages asked by flex, to see how long calls take here: what forecasts go by from then on.

Of the answers the ledger keeps what they cost and how long they took, in a run of purpose `probe`;
the pages are read by the workflow as if nobody had asked.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain, zip_longest
from pathlib import Path
from statistics import fmean

from pagewave.answers.result_line import Answer
from pagewave.commands.trials.asking import (
    FLEX,
    Question,
    ask,
    question,
    session_apart,
)
from pagewave.commands.trials.recorded import trial_run
from pagewave.config.keys import load_secrets
from pagewave.config.settings import Settings
from pagewave.errors import ServiceError
from pagewave.gemini.calls import NOT_NOW
from pagewave.gemini.connect import serving
from pagewave.gemini.retries import Refused
from pagewave.plan.estimates import estimator
from pagewave.plan.forecast import expected_tokens
from pagewave.prompts.costs import usd
from pagewave.wording import count, dollars
from pagewave.workspace import Workspace


@dataclass
class Probe:
    """What came of it: seconds and USD of the calls that were answered.

    The prices are Gemini's, also where the embedded engine answered; None: not known.
    `not_answered`: what the service said to the others. `bad`: answers that are no page.
    """

    engine: str
    model: str
    asked: int = 0
    seconds: list[float] = field(default_factory=list)
    prices: list[float | None] = field(default_factory=list)
    bad: int = 0
    not_answered: list[str] = field(default_factory=list)

    @property
    def usd(self) -> float | None:
        """All together."""
        known = [price for price in self.prices if price is not None]
        return sum(known) if len(known) == len(self.prices) else None

    def __str__(self) -> str:
        if not self.seconds:
            return f"None of {count(self.asked, 'call')} was answered: {self.not_answered[-1]}"
        one, others = self.seconds, len(self.not_answered)
        spent = f"{dollars(self.usd)} USD" + (" at Gemini" if self.engine == "embedded" else "")
        unused = f", {self.bad} of no use" if self.bad else ""
        refused = f" {others} not answered: {self.not_answered[-1]}" if others else ""
        return (
            f"{count(len(one), 'call')} answered by flex{unused}: {fmean(one):.1f} s on average, "
            f"{min(one):.1f} to {max(one):.1f} s; {spent}.{refused}"
        )


def first_pages(chains: Sequence[Sequence[str]], most: int) -> list[str]:
    """Keys of pages to be asked: the first one of each chain, then the second ones, and so on."""
    in_turn = chain.from_iterable(zip_longest(*chains))
    return [key for key in in_turn if key is not None][:most]


def probe(settings: Settings, keys: Sequence[str], yes: bool) -> Probe | None:
    """Ask for these pages by flex, one after another; None where the person does not want it.

    Raises:
        BudgetReached: it might go over a limit of the configuration.
        ServiceError: the service refuses the key or the model.
    """
    with session_apart(settings) as session:
        questions = [question(session, key) for key in keys]
        if not _agreed(session, questions, yes):
            return None
        found = Probe(session.engine, settings.model.name)
        secrets = load_secrets(Path.cwd())
        with serving(session), trial_run(session, settings, secrets, "probe") as trial:
            for asked in questions:
                found.asked += 1
                try:
                    reply = ask(session, trial, asked, None, FLEX)
                except ServiceError as no:
                    if isinstance(no, Refused) and no.code not in NOT_NOW:
                        raise
                    found.not_answered.append(str(no))
                    continue
                found.seconds.append(reply.seconds)
                found.bad += not isinstance(reply.result, Answer)
                found.prices.append(reply.usd)
    return found


def _agreed(workspace: Workspace, questions: Sequence[Question], yes: bool) -> bool:
    """Say what it will cost, and ask where that is money; not on standard output, for --json."""
    if yes or workspace.engine == "embedded":
        return True
    settings, expected = workspace.settings, estimator(workspace)
    pages = [expected_tokens(expected, asked.page) for asked in questions]
    tokens = sum(page.input_tokens for page in pages), sum(page.output_tokens for page in pages)
    price = usd(settings.pricing, settings.model.name, *tokens)
    about = "price unknown" if price is None else f"about {max(price, 0.01):.2f} USD"
    print(
        f"{count(len(questions), 'page')} by flex, {about}; their answers are not kept. "
        "Go on? [y/N] ",
        end="",
        file=sys.stderr,
        flush=True,
    )
    return sys.stdin.readline().strip().lower() in ("y", "yes")
