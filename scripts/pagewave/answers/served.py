"""Which model answered, in which state it is, and in which tier: as the response says.

The service may answer with another model than was asked for, at that one's price, once the one that
was asked for has ended. What it does not say is unknown, and no cause for alarm.
"""

import datetime
import math
from typing import Any

from pagewave.answers.loose_json import Json, as_object, decode, get, load_object, storable
from pagewave.characters import clean
from pagewave.ledger import Served

LONGEST = 300
"""Characters kept of what the service says of a model."""


UNKNOWN = Served()


def served_by(response: Json) -> Served:
    """What a response says of the model that made it."""
    status = as_object(get(response, "modelStatus"))
    model = _text(get(response, "modelVersion"))
    stage = _text(get(status, "modelStage"))
    tier = _text(get(as_object(get(response, "usageMetadata")), "serviceTier"))
    return Served(
        model=model and model.removeprefix("models/"),
        stage=stage and stage.upper().removeprefix("MODEL_STAGE_"),
        retires_at=_time(get(status, "retirementTime")),
        message=_text(get(status, "message")),
        tier=tier and tier.lower().removeprefix("service_tier_"),
    )


def served_in(line: bytes) -> Served:
    """The same of a whole result line; nothing is known of a line that is no JSON."""
    try:
        return served_by(as_object(load_object(decode(line)).get("response")))
    except ValueError:
        return UNKNOWN


def _text(value: Any) -> str | None:
    if not isinstance(value, str) or not value.strip():
        return None
    return clean(storable(value.strip()[:LONGEST]))


def _time(value: Any) -> float | None:
    """A time in RFC 3339 as Unix seconds; None where it is none."""
    try:
        found = datetime.datetime.fromisoformat(str(value))
        aware = found if found.tzinfo else found.replace(tzinfo=datetime.UTC)
        seconds = aware.timestamp()
    except (ValueError, OverflowError, OSError):
        return None
    return seconds if math.isfinite(seconds) else None
