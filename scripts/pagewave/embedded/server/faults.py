"""Faults the server commits on purpose: one small language, parsed here and drawn from here.

    NAME[:OPTION=VALUE[,OPTION=VALUE...]]        a comma inside a value is written `\\,`

`KINDS` is the whole list; `--help` prints it. What a fault then does is done where it happens:
around a call (calls.py), to a file or a job (server.py, jobs.py), to an answer (answers.py).
"""

import difflib
import random
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from pagewave.errors import ConfigError

FOREVER: Final = float("inf")
CALLS: Final = (
    "create",
    "get",
    "list",
    "upload",
    "download",
    "delete",
    "cancel",
    "generate",
    "model",
)


class FaultError(ConfigError, ValueError):
    """A fault that cannot be understood; the message names the nearest that can."""


@dataclass(frozen=True)
class Kind:
    """What a fault's name means. `scope` says what is drawn for, and what `match` looks at."""

    scope: str
    what: str
    options: dict[str, Any] = field(default_factory=dict)  # option -> default
    call: str = "any"  # the only call it can befall


# scope: what `match` is searched in
SCOPES: Final = {
    "call": "METHOD and path of the HTTP request, e.g. GET /v1beta/batches/abc",
    "file": "display name and name of the file",
    "job": "display name of the batch",
    "images": "display name of a new batch with images inside of its requests",
    "member": "key of each record of a new batch (times= counts for each key)",
    "record": "key of the record (times= counts for each key)",
}
_CALL = {"call": "any"}
COUNTS: Final = {"prompt": 1000, "output": 100, "thoughts": 0, "cached": 0, "total": -1}
KINDS: Final[dict[str, Kind]] = {
    "http-error": Kind(
        "call", "an HTTP error", _CALL | {"code": 503, "acted": False, "foreign": False}
    ),
    "redirect": Kind("call", "sent on to where it went, for ever", _CALL),
    "refused": Kind("call", "a definite no, in Google's words", _CALL | {"reason": "key"}),
    "cut-before": Kind("call", "connection cut, nothing done", _CALL),
    "cut-after": Kind("call", "done, then connection cut", _CALL),
    "slow": Kind("call", "a late reply", _CALL | {"seconds": 1.0, "acted": True}),
    "hang": Kind("call", "no reply, ever", _CALL | {"acted": False}),
    "drip": Kind("call", "a reply byte by byte, without an end", _CALL),
    "garbage-200": Kind("call", "200 with nonsense", _CALL | {"acted": True, "body": "html"}),
    "storage-full": Kind(
        "call", "429 to an upload while so many are there", {"files": 0}, "upload"
    ),
    "not-active-yet": Kind(
        "call", "create takes an ACTIVE file for a PROCESSING one", {}, "create"
    ),
    "truncated-download": Kind("call", "half the file, then connection cut", {}, "download"),
    "short-download": Kind("call", "half the lines, as if that were all", {}, "download"),
    "list-empty": Kind("call", "{}, whatever there is", {}, "list"),
    "list-empty-without-page-size": Kind("call", "{} unless pageSize is given", {}, "list"),
    "list-empty-later-page": Kind("call", "an empty page before each later one", {}, "list"),
    "list-twice": Kind("call", "each entry twice", {}, "list"),
    "list-in-circles": Kind("call", "the first page over and over", {}, "list"),
    "list-oldest-first": Kind("call", "the newest on the last page", {}, "list"),
    "wrong-date": Kind("call", "an answer's Date header is this", _CALL | {"told": ""}),
    "wrong-create-time": Kind("call", "its createTime is this, or none", _CALL | {"told": ""}),
    "cancel-ignored": Kind("call", "cancel says yes and does nothing", {}, "cancel"),
    "quota-held": Kind("call", "create answers 429 after a cancel", {"seconds": 60.0}, "cancel"),
    "other-tier": Kind("call", "served by another tier", {"tier": "standard"}, "generate"),
    "tier-full": Kind("call", "503: no room for calls by a tier", {"tier": "flex"}, "generate"),
    "day-limit": Kind("call", "429: the day's limit is used up", {}, "generate"),
    "file-stuck": Kind("file", "PROCESSING for ever"),
    "file-failed": Kind("file", "FAILED once it was processed"),
    "file-damaged": Kind("file", "its last byte is another than was sent"),
    "file-short": Kind("file", "its last byte is missing"),
    "undeletable": Kind("file", "delete answers 400 (the files of results always do)"),
    "list-delay": Kind("job", "a new job is not listed at first", {"seconds": 5.0}),
    "job-pending": Kind("job", "PENDING, for so long", {"seconds": FOREVER}),
    "job-unknown-state": Kind("job", "a state nobody knows", {"seconds": FOREVER}),
    "job-failed": Kind("job", "ends FAILED, this share read", {"share": 0.0}),
    "job-expired": Kind("job", "ends EXPIRED, this share read", {"share": 0.0}),
    "job-cancelled": Kind("job", "ends CANCELLED, this share read", {"share": 0.0}),
    "job-partial": Kind("job", "ends PARTIALLY_SUCCEEDED, a share read", {"share": 0.5}),
    "no-result-file": Kind("job", "SUCCEEDED without output, for so long", {"seconds": FOREVER}),
    "response-only": Kind("job", "output under `response`, not in metadata"),
    "batch-hold": Kind("job", "takes at least so long", {"seconds": 5.0}),
    "bad-request": Kind(
        "member", "its batch ends FAILED, or is refused", {"code": 3, "refused": False}
    ),
    "inline-refused": Kind("images", "ends FAILED, or is refused", {"code": 3, "refused": False}),
    "record-slow": Kind("record", "its reading takes longer", {"seconds": 1.0}),
    "record-error": Kind("record", "an `error` line", {"code": 3}),
    "record-status": Kind("record", "a `status` line", {"code": 3}),
    "missing-key": Kind("record", "no line at all"),
    "duplicate-key": Kind("record", "its line twice"),
    "foreign-key": Kind("record", "one more line, with a key nobody asked for"),
    "blocked": Kind("record", "promptFeedback.blockReason, no candidate"),
    "recitation": Kind("record", "finishReason RECITATION, no content"),
    "max-tokens": Kind("record", "JSON cut in the middle, finishReason MAX_TOKENS"),
    "repetition": Kind("record", "one phrase over and over, cut by MAX_TOKENS", {"closed": False}),
    "fenced-json": Kind("record", "JSON in a code fence"),
    "text-around-json": Kind("record", "chatter before and after the JSON"),
    "invalid-schema": Kind("record", "JSON of the wrong schema"),
    "echo-key": Kind("record", "the text is the record's key"),
    "echo-context": Kind("record", "the text is what the prompt quotes of the page before"),
    "empty-text": Kind("record", "no text; content_type as declared", {"declared": "courses"}),
    "invented-text": Kind("record", "the text is a made-up list of studies"),
    "line-separator": Kind("record", "U+2028 inside a string"),
    "token-counts": Kind("record", "these counts; total=-1: their sum", COUNTS),
    "no-counts": Kind("record", "no counts of tokens at all"),
    "other-model": Kind(
        "record",
        "served by this model (empty: none is named), at this tier",
        {"model": "gemini-3.5-flash-lite", "stage": "", "retires": "", "tier": ""},
    ),
    "finish-reason": Kind("record", "cut in the middle, for this reason", {"finish": "OTHER"}),
    "loose-json": Kind("record", "JSON that is nearly right", {"how": "comma"}),
}
REASONS: Final[dict[str, tuple[int, str, str]]] = {
    "key": (400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."),
    "expired-key": (400, "INVALID_ARGUMENT", "API key expired. Please renew the API key."),
    "login": (
        401,
        "UNAUTHENTICATED",
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login "
        "cookie or other valid authentication credential.",
    ),
    "permission": (403, "PERMISSION_DENIED", "The caller does not have permission"),
    "model": (
        404,
        "NOT_FOUND",
        "models/{model} is not found for API version v1beta, or is not supported for "
        "batchGenerateContent. Call ListModels to see the list of available models and their "
        "supported methods.",
    ),
    "content": (400, "INVALID_ARGUMENT", "Request contains an invalid argument."),
    "place": (
        400,
        "FAILED_PRECONDITION",
        "User location is not supported for the API use.",
    ),
}
"""Why the service refuses: code, status, words (ai.google.dev/gemini-api/docs/troubleshooting)."""
GARBAGE: Final = {
    "html": b"<html>It works!</html>",
    "json": b"{}",
    "list": b"[]",
    "null": b"null",
    "text": b'"ok"',
    "empty": b"",
    "binary": b"\xff\xfe\x00",
}
LOOSE: Final[dict[str, Callable[[str], str]]] = {
    "comma": lambda text: f"{text[:-1]},}}",
    "twice": lambda text: f"{text}\n{text}",
    "wrapped": lambda text: f'{{"page": {text}}}',
    "listed": lambda text: f"[{text}]",
    "words": lambda text: re.sub(r":\s*null\b", ': "N/A"', text),
}
"""Ways in which JSON is nearly right: what each makes of sound JSON."""
COMMON: Final = {"match": "", "times": FOREVER, "skip": 0, "probability": 1.0, "seed": 0}


@dataclass(frozen=True)
class Fault:
    """One parsed fault. Options its kind does not take keep values nobody looks at."""

    spec: str
    name: str
    match: re.Pattern[str]
    times: float = FOREVER
    skip: int = 0
    probability: float = 1.0
    seed: int = 0
    call: str = "any"
    code: int = 0
    seconds: float = 0.0
    share: float = 0.0
    body: str = "html"
    reason: str = "key"
    acted: bool = False
    refused: bool = False
    files: int = 0
    tier: str = ""
    closed: bool = False
    foreign: bool = False
    declared: str = ""
    prompt: int = 0
    output: int = 0
    thoughts: int = 0
    cached: int = 0
    total: int = -1
    finish: str = ""
    how: str = ""
    told: str = ""
    model: str = ""
    stage: str = ""
    retires: str = ""

    @property
    def number(self) -> float:
        """What a job remembers of its fault: the seconds or the share."""
        return self.share if "share" in KINDS[self.name].options else self.seconds

    @property
    def after_acting(self) -> bool:
        """Does a fault of a call happen once the call has been carried out?"""
        return self.acted or self.name == "cut-after"

    @property
    def scope(self) -> str:
        """What this fault is drawn for: a key of `SCOPES`."""
        return KINDS[self.name].scope


def parse(spec: str) -> Fault:
    """A fault from its text. Raises FaultError."""
    name, _, rest = spec.strip().partition(":")
    if name not in KINDS:
        raise FaultError(f"fault {spec!r}: no fault is named {name!r}{_nearest(name, KINDS)}")
    known = COMMON | KINDS[name].options
    values: dict[str, Any] = {"match": re.compile(""), "call": KINDS[name].call}
    values |= KINDS[name].options
    for pair in re.split(r"(?<!\\),", rest) if rest else ():
        option, equals, text = pair.replace("\\,", ",").partition("=")
        if option not in known:
            raise FaultError(
                f"fault {spec!r}: {name} has no option {option!r}{_nearest(option, known)}"
                f" (it takes {', '.join(known)})"
            )
        if not equals:
            raise FaultError(f"fault {spec!r}: option {option!r} needs a value: {option}=...")
        try:
            values[option] = _READ[option](text)
        except (ValueError, re.error) as error:
            raise FaultError(f"fault {spec!r}: {option}={text}: {error}") from error
    return Fault(spec, name, **values)


class Faults:
    """The faults in force, and how often each has fired. Used by one thread."""

    def __init__(self, specs: Iterable[str] = ()) -> None:
        self.replace(specs)

    def replace(self, specs: Iterable[str]) -> None:
        """Puts `specs` in the place of all faults; counts start anew. Raises FaultError."""
        self._faults = [parse(spec) for spec in specs]
        self._seen: Counter[tuple[int, str]] = Counter()
        self._fired: Counter[tuple[int, str]] = Counter()

    @property
    def specs(self) -> list[str]:
        """The faults in force, as they were written."""
        return [fault.spec for fault in self._faults]

    def draw(self, scope: str, subject: str, call: str = "") -> list[Fault]:
        """The faults that fire now for `subject`, e.g. a record's key; counts them as fired."""
        return [
            fault
            for number, fault in enumerate(self._faults)
            if fault.scope == scope
            and (scope != "call" or fault.call in ("any", call))
            and fault.match.search(subject)
            and self._fires(number, fault, subject)
        ]

    def _fires(self, number: int, fault: Fault, subject: str) -> bool:
        # Records count each for itself: which of them is read first is left to the threads.
        count = (number, subject if fault.scope in ("record", "member") else "")
        seen = self._seen[count]
        self._seen[count] += 1
        if seen < fault.skip or self._fired[count] >= fault.times:
            return False
        if fault.probability < 1:
            # Hashed, not drawn in turn, for the same reason.
            chance = random.Random(f"{fault.seed}:{fault.spec}:{count[1]}:{seen}").random()
            if chance >= fault.probability:
                return False
        self._fired[count] += 1
        return True


def describe() -> str:
    """All kinds and options, for `--help`."""
    lines = [
        "A fault is NAME[:OPTION=VALUE,...]; `\\,` is a comma inside a value. Every fault takes"
    ]
    lines += ["  match=REGEX  times=N (fires so often)  skip=N (not the first N)"]
    lines += ["  probability=P  seed=N (of the probability)"]
    for scope, subject in SCOPES.items():
        lines += ["", f"{scope} faults; match looks at the {subject}"]
        for name, kind in KINDS.items():
            if kind.scope == scope:
                options = "".join(f" {key}={_show(value)}" for key, value in kind.options.items())
                lines.append(f"  {name:<29}{kind.what}{options and ';' + options}")
    calls = "|".join(CALLS)
    return "\n".join(
        [
            *lines,
            "",
            f"call={calls}|any",
            f"body={'|'.join(GARBAGE)}",
            f"how={'|'.join(LOOSE)}",
            f"reason={'|'.join(REASONS)}",
            "acted=yes: only after the call took effect",
            "refused=yes: create answers 400, and there is no batch",
            "foreign=yes: as a proxy on the way would say it, in HTML",
        ]
    )


def _nearest(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), 1, 0.4)
    return f"; did you mean {near[0]!r}?" if near else ""


def _show(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "ever" if value == FOREVER else str(value)


def _amount(text: str) -> float:
    value = FOREVER if text == "ever" else float(text)
    if not value >= 0:
        raise ValueError("must not be negative")
    return value


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise ValueError("must lie between 0 and 1")
    return value


def _yes(text: str) -> bool:
    if text not in ("yes", "no"):
        raise ValueError("must be yes or no")
    return text == "yes"


def _one_of(choices: Collection[str]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}{_nearest(text, choices)}")
        return text

    return read


_READ: Final[dict[str, Callable[[str], Any]]] = {
    "match": re.compile,
    "times": _amount,
    "skip": int,
    "probability": _share,
    "seed": int,
    "call": _one_of((*CALLS, "any")),
    "code": int,
    "files": int,
    "tier": str,
    "seconds": _amount,
    "share": _share,
    "body": _one_of(GARBAGE),
    "finish": str,
    "told": str,
    "how": _one_of(LOOSE),
    "reason": _one_of(REASONS),
    "acted": _yes,
    "refused": _yes,
    "closed": _yes,
    "foreign": _yes,
    "declared": str,
    **dict.fromkeys(("model", "stage", "retires", "tier"), str),
    **dict.fromkeys(COUNTS, int),
}
