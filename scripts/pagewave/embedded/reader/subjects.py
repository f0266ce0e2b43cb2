"""The words that catalogs name their subjects with, to mend what was misread in them.

Small capitals and worn type make Tesseract take LOGIC for `Locic` and Optics for `Opties`. A word
that is nearly one of these is taken for it; a word of this list is never changed.
"""

import re
from collections.abc import Callable
from functools import cache

from rapidfuzz import process
from rapidfuzz.distance import Indel

_WORD_LIST = """
algebra analogy analysis analytical anatomy ancient apparatus applied arithmetic arts astronomy
belles bible biblical biology book-keeping bookkeeping botany calculus calisthenics chemical
chemistry christianity civil civilization classical classics commercial composition conic
constitution constitutional criticism declamation differential domestic drawing economics
economy elementary elocution embroidery engineering english ethics etymology evidences exercises
experiments fine french geography geology geometry german gothic government grammar greek
gymnastics hebrew higher historical history hydrostatics hygiene instrumental integral
intellectual international italian jurisprudence language languages latin law lectures letters
lettres literature logic mathematical mathematics mechanical mechanics medicine mensuration
mental metaphysics meteorology mineralogy mining modern moral music mythology natural
navigation needlework optics oratory orthography painting pedagogy penmanship philosophy
phonography physical physics physiology plane pneumatics poetry political practical primary
prosody psychology reading religion religious rhetoric rhetorical sacred science sciences
sections social sociology solid spanish spelling spherical surveying syntax theology theoretical
topography trigonometry virgil vocal writing zoology
"""
_WORDS = frozenset(_WORD_LIST.split())
_REPAIRS = (
    (re.compile(r"(?<![\w.,;:)])[=_|~*]+(?=\w)"), ""),
    (re.compile(r"\bTern[nt]?\b"), "Term"),
    (re.compile(r"\bCa?esar\b"), "Cæsar"),
    (re.compile(r"\bA[ie]schylus\b"), "Æschylus"),
    (re.compile(r"\bAe?neid\b"), "Æneid"),
)
"""What Tesseract's English model often misreads in a catalog; it knows no ligatures."""

_SHORTEST = 5
_LABEL_LIKENESS = 0.74
_CONFUSED = frozenset(map(frozenset, ("ce", "co", "eo", "ao", "nu", "il", "it", "hb", "ft", "mn")))
"""Pairs of letters that worn type makes alike; `Oratore` is no misread `Oratory`."""


def plain_text(text: str) -> str:
    """Straight apostrophes, long dashes, single spaces, usual misreadings repaired."""
    plain = text.replace("\u2019", "'").replace("\u2018", "'").replace("\u2013", "—")
    for misread, meant in _REPAIRS:
        plain = misread.sub(meant, plain)
    return " ".join(plain.split())


def is_subject(word: str) -> bool:
    """Whether a word is one of those that subjects are named with."""
    return word.lower().strip(" .,:") in _WORDS


def mended_name(name: str) -> str:
    """A course's name; only a single letter that is often misread is mended."""
    return " ".join(_mended(word, _one_letter_off) for word in name.split(" "))


def mended_label(label: str) -> str:
    """A department's name, often set in small capitals, so that more of it may be wrong."""
    return " ".join(_mended(word, _alike) for word in label.split(" "))


def _mended(word: str, nearest: Callable[[str], str | None]) -> str:
    core = word.strip(".,;:()'")
    if len(core) < _SHORTEST or not core.isalpha() or core.lower() in _WORDS:
        return word
    found = nearest(core.lower())
    if not found:
        return word
    return word.replace(core, found.title() if core[0].isupper() else found)


@cache
def _one_letter_off(word: str) -> str | None:
    same_length = (known for known in _WORDS if len(known) == len(word))
    return min((known for known in same_length if _one_confusion(known, word)), default=None)


def _one_confusion(known: str, word: str) -> bool:
    wrong = [frozenset(pair) for pair in zip(known, word, strict=True) if pair[0] != pair[1]]
    return len(wrong) == 1 and wrong[0] in _CONFUSED


@cache
def _alike(word: str) -> str | None:
    same_length = sorted(w for w in _WORDS if abs(len(w) - len(word)) <= 1)
    best = process.extractOne(
        word, same_length, scorer=Indel.normalized_similarity, score_cutoff=_LABEL_LIKENESS
    )
    return best[0] if best else None
