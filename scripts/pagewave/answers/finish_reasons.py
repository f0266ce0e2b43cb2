"""Why the service ended an answer, and what that makes of it: all reasons that google-genai knows.

A test compares both tables with the installed library's, so that a new reason is noticed.
"""

from typing import NamedTuple

from pagewave.errors import ErrorType


class Ending(NamedTuple):
    """What a finish reason means.

    `error_type`: of an answer that is not whole; None where the reason explains nothing.
    `is_final`: then there is no answer, whatever text came with it.
    """

    error_type: ErrorType | None
    is_final: bool = False


_BLOCKED = Ending("Blocked", is_final=True)
_RECITED = Ending("Recitation", is_final=True)
_CUT = Ending("Truncated")
_BROKEN_OFF = Ending("BrokenOff")

# google-genai 3.6.1, types.FinishReason, whose comments say what each means.
FINISH_REASONS = {
    "FINISH_REASON_UNSPECIFIED": Ending(None),
    "STOP": Ending(None),
    "MAX_TOKENS": _CUT,
    # It might be gone on with, but not in a batch: the next attempt asks for all of it.
    "CONTINUATION": _CUT,
    "SAFETY": _BLOCKED,
    "BLOCKLIST": _BLOCKED,
    "PROHIBITED_CONTENT": _BLOCKED,
    "SPII": _BLOCKED,
    "MODEL_ARMOR": _BLOCKED,
    "ESCALATION": _BLOCKED,
    "IMAGE_SAFETY": _BLOCKED,
    "IMAGE_PROHIBITED_CONTENT": _BLOCKED,
    # Of Latin and Greek there is no end in old catalogs: an answer that is whole is taken.
    "LANGUAGE": Ending("Blocked"),
    "RECITATION": _RECITED,
    "IMAGE_RECITATION": _RECITED,
    "PUP_LIMITED_DISABLED": Ending("AccountLimited", is_final=True),
    "OTHER": _BROKEN_OFF,
    "MALFORMED_FUNCTION_CALL": _BROKEN_OFF,
    "UNEXPECTED_TOOL_CALL": _BROKEN_OFF,
    "TOO_MANY_TOOL_CALLS": _BROKEN_OFF,
    "MISSING_THOUGHT_SIGNATURE": _BROKEN_OFF,
    "MALFORMED_RESPONSE": _BROKEN_OFF,
    "NO_IMAGE": _BROKEN_OFF,
    "IMAGE_OTHER": _BROKEN_OFF,
}

# types.BlockedReason: why a prompt got no answer at all.
BLOCK_REASONS: dict[str, ErrorType | None] = {
    "BLOCKED_REASON_UNSPECIFIED": None,
    "SAFETY": "Blocked",
    "OTHER": "Blocked",
    "BLOCKLIST": "Blocked",
    "PROHIBITED_CONTENT": "Blocked",
    "IMAGE_SAFETY": "Blocked",
    "MODEL_ARMOR": "Blocked",
    "JAILBREAK": "Blocked",
    "PUP_LIMITED_DISABLED": "AccountLimited",  # not in the library's list, but it would mean this
}


def ending(finish_reason: str) -> Ending:
    """What a finish reason means; one that nobody knows broke the answer off."""
    return FINISH_REASONS.get(finish_reason, _BROKEN_OFF)


def blocks(reason: str) -> ErrorType | None:
    """What a block reason means; one that nobody knows blocks as well."""
    return BLOCK_REASONS.get(reason, "Blocked")
