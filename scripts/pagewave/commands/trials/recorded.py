"""The run that a trial's or a probe's calls belong to: in the ledger before anything is sent, with
its budget.

The ledger is the one of the workflow here. A run may be going on beside it, so the lock is taken
only to make the file or to bring it up to date.
"""

import contextlib
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pagewave.config.keys import Secrets
from pagewave.config.settings import Settings
from pagewave.errors import LedgerError
from pagewave.gemini.session import Session
from pagewave.ledger import Ledger, Purpose, RunOutcome, refuse_network
from pagewave.ledger.belonging import command_to_rebuild
from pagewave.ledger.lock import take_lock
from pagewave.ledger.private import keep_private
from pagewave.plan.budget import check_prices, reserve_call
from pagewave.prompts.costs import interactive_usd, most_tokens
from pagewave.prompts.request import Request, generation_config
from pagewave.tracking.background import delivering, keeps_rows
from pagewave.workspace import Workspace

MARKS: dict[Purpose, str] = {"trial": "-try", "probe": "-probe"}
"""How the name of such a run ends."""


@dataclass(frozen=True)
class Trial:
    """A run of purpose `trial` or `probe` that goes on; `ledger` is the workflow's.

    `keeps_row`: is the log service to be told of its calls?
    """

    ledger: Ledger
    settings: Settings
    run_id: str
    keeps_row: bool

    def ask(self, workspace: Workspace, request: Request) -> int:
        """Write down a call before it is made; returns its number.

        Raises:
            BudgetReached: it might go over a limit of the configuration.
        """
        config = generation_config(self.settings, 1, ())
        facts, prompt = request.facts, workspace.prompt
        most = most_tokens(request.prompt, prompt.page_model, facts.width, facts.height, config)
        model = self.settings.model.name
        tokens = (most.input_tokens, most.output_tokens)
        max_usd = interactive_usd(self.settings.pricing, model, *tokens)
        with self.ledger.transaction():
            reserve_call(self.ledger, self.settings, self.run_id, request.key, max_usd)
            return self.ledger.calls.add(
                self.run_id, request.key, model, prompt.sha256, request.fingerprint, max_usd
            )


@contextmanager
def trial_run(
    session: Session, settings: Settings, keys: Secrets, purpose: Purpose = "trial"
) -> Iterator[Trial]:
    """Begin a run of this purpose, in whose name the session may send, and end it.

    Args:
        session: its own ledger is one that is thrown away, and knows uploaded images alone.
        settings: those of the workflow here: where its ledger is, and its limits.
        keys: with them, Braintrust is told of the calls, as of all attempts.

    Raises:
        LedgerError: the ledger can't be used, or was lost.
        ConfigError: a limit is set, and the price of something is not known.
    """
    ledger = _open(settings)
    mark = MARKS[purpose]
    run_id = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()) + f"-{secrets.token_hex(2)}{mark}"
    outcome = RunOutcome.FAILED
    with contextlib.closing(ledger):
        check_prices(ledger, settings)
        ledger.identity.note_levels(settings.paths.tree)
        for each in (ledger, session.ledger):
            each.runs.start(run_id, session.engine, settings.model.name, [], [], purpose=purpose)
        try:
            with delivering(settings.tracking, keys, ledger, session.stop):
                yield Trial(ledger, settings, run_id, keeps_rows(settings.tracking, keys))
            outcome = RunOutcome.OK
        except KeyboardInterrupt:
            outcome = RunOutcome.STOPPED
            raise
        finally:
            ledger.runs.end(run_id, outcome)


def _open(settings: Settings) -> Ledger:
    path = settings.paths.ledger
    if not settings.execution.allow_network_state:
        refuse_network(path.parent)
    look = Ledger.peek(path)
    is_current = not look.is_copy
    look.close()
    if is_current:
        return Ledger.open(path)
    if not path.exists() and any((path.parent / "requests").glob("*.jsonl")):
        raise LedgerError(
            f"{path} is gone, and with it what was paid. Bring it back first: "
            f"{command_to_rebuild()}"
        )
    with take_lock(path.parent, "pagewave prompts try"):
        ledger = Ledger.open(path)
        paths = settings.paths
        keep_private(path.parent, settings.execution.state_access, paths.is_state_dir_shared)
        return ledger
