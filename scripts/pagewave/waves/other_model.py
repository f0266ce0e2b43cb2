"""When another model answers than was asked for: a flag, a word once a run, an end where need be.

Google has a model that it retired answered by another, at that one's price, without an error.
"""

import time
from collections.abc import Sequence

from pagewave.command_line import script
from pagewave.config.other_model import FLAG, what_then
from pagewave.config.settings import Settings
from pagewave.errors import ServiceError
from pagewave.gemini.session import Session
from pagewave.ledger import Attempt, Batch, Flag, Served
from pagewave.waves import events
from pagewave.wording import moment
from pagewave.workspace import Workspace


def doubt_of(settings: Settings, asked: str, served: Served, at: float) -> Flag | None:
    """The flag of an answer by another model; None where there is no reason for one."""
    if what_then(settings, asked, served.model, at) not in ("flag", "stop"):
        return None
    return Flag(FLAG, f"read by {served.model}, asked was {asked}")


def tell_of_other(workspace: Workspace, asked: str, served: Served) -> bool:
    """Tell, once a run, that another model answers; was it another one?"""
    then = what_then(workspace.settings, asked, served.model, time.time())
    if then is None:
        return False
    if f"{asked} {served.model}" not in workspace.told:
        workspace.told.add(f"{asked} {served.model}")
        events.other_model(asked, served, then)
    return True


def reason_to_stop(session: Session, batch: Batch, attempts: Sequence[Attempt]) -> str | None:
    """Tell of other models in what a batch brought; why nothing more may be sent, if so."""
    reason = None
    for served in {attempt.served.model: attempt.served for attempt in attempts}.values():
        if tell_of_other(session, batch.model, served):
            then = what_then(session.settings, batch.model, served.model, time.time())
            if then == "stop":
                reason = _reason(batch.model, str(served.model))
    return reason


def refuse_other(session: Session, asked: str) -> None:
    """Before a batch is sent: did the model that last answered for this one end that run?

    Raises:
        ServiceError: it did, and the configuration still says so.
    """
    if f"{asked} is itself" in session.told:
        return
    if newest := session.ledger.served.newest(session.engine, asked):
        served, at = newest
        if what_then(session.settings, asked, served, time.time()) == "stop":
            raise ServiceError(f"{_reason(asked, served)} (Last seen: {moment(at)}.)")
    session.told.add(f"{asked} is itself")


def _reason(asked: str, served: str) -> str:
    return (
        f"Gemini answers {asked} with {served}. Nothing more is sent; what was read is kept "
        f"({script('pages', '--served', served)} lists it). To go on, set model.name: {served} "
        "(pages read before stay as they are), or model.on_other_model: accept, and run the same "
        "command again."
    )
