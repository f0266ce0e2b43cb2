"""The configuration's section `notify`: whom a run tells, and of what."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from pagewave.config.types import Float, Section


def is_web_address(text: str) -> bool:
    """Can this be posted to?"""
    try:
        address = urlsplit(text)
        return address.scheme in ("http", "https") and bool(address.hostname)
    except ValueError:
        return False


def _web_address(value: SecretStr) -> SecretStr:
    if not is_web_address(value.get_secret_value()):
        raise ValueError("expected an address that begins with https://")
    return value


WebAddress = Annotated[SecretStr, AfterValidator(_web_address)]


class Notify(Section):
    """Whom a run tells when it ends, when its budget stops it, and of a batch that takes long."""

    webhook: WebAddress | None = Field(
        default=None,
        description="Address that events are posted to; kept like a key. Better placed in "
        "PAGEWAVE_WEBHOOK (environment or `.env`), which wins.",
    )
    batch_older_than_hours: Float | None = Field(
        default=24.0,
        gt=0,
        le=168,
        description="Hours after which a batch that has not ended is told of; null: never.",
    )
    timeout_seconds: Float = Field(
        default=10.0,
        gt=0,
        le=600,
        description="Seconds after which a silent webhook is tried again.",
    )
    wait_at_end_seconds: Float = Field(
        default=10.0,
        ge=0,
        le=3600,
        description="Most seconds that a run takes at its end for events not taken yet.",
    )
