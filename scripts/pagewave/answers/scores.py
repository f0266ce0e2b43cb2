"""How well pages were read: error rates of the text, precision and recall of the courses."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein

from pagewave.answers.word_scores import NO_WORDS, WordCounts, count_words, normal_text
from pagewave.command_line import snakemake
from pagewave.errors import DataError

Fact = Literal["level", "term", "department"]
FACTS: tuple[Fact, ...] = ("level", "term", "department")
"""What is compared of a course besides its name."""

SAME_NAME_RATIO = 85.0
"""Two course names are the same from this similarity on (rapidfuzz ratio, 0 to 100)."""


@dataclass(frozen=True, slots=True)
class PageScore:
    """One page against its truth; counts, so that totals can be weighed by length."""

    name: str
    characters: int
    errors: int
    courses_true: int
    courses_read: int
    courses_matched: int
    facts_right: dict[Fact, int] = field(default_factory=dict)
    """Matched courses by fact whose level, term or department is that of the truth."""
    words: WordCounts = NO_WORDS

    @property
    def error_rate(self) -> float:
        """Edits needed to turn the read text into the true one, a true character."""
        return self.errors / max(1, self.characters)

    @property
    def word_error_rate(self) -> float:
        """Words to be put in, taken out or changed to have the true text, a true word."""
        return self.words.errors / max(1, self.words.true)

    @property
    def word_precision(self) -> float:
        """Words read that are true ones, in whatever order, of those read; 1 where none was."""
        return self.words.common / self.words.read if self.words.read else 1.0

    @property
    def word_recall(self) -> float:
        """True words that were read, in whatever order, of the true ones; 1 where there is none."""
        return self.words.common / self.words.true if self.words.true else 1.0

    @property
    def course_precision(self) -> float:
        """Courses read that are true ones, of those read; 1 where none was read."""
        return self.courses_matched / self.courses_read if self.courses_read else 1.0

    @property
    def course_recall(self) -> float:
        """True courses that were read, of the true ones; 1 where there is none."""
        return self.courses_matched / self.courses_true if self.courses_true else 1.0

    def as_dict(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return {
            **asdict(self),
            "error_rate": self.error_rate,
            "word_error_rate": self.word_error_rate,
            "word_precision": self.word_precision,
            "word_recall": self.word_recall,
            "course_precision": self.course_precision,
            "course_recall": self.course_recall,
        }


def character_error_rate(truth: str, read: str) -> float:
    """Levenshtein distance of the normalised texts, divided by the length of the true one."""
    true_text = normal_text(truth)
    return Levenshtein.distance(true_text, normal_text(read)) / max(1, len(true_text))


def matched_courses(
    truth: Sequence[dict[str, Any]], read: Sequence[dict[str, Any]]
) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Pairs of true and read courses of the same name, one to one, same level and term first."""
    pairs, left = [], list(read)
    for course in truth:
        same = [c for c in left if _similarity(course, c, "course_name") >= SAME_NAME_RATIO]
        if not same:
            continue
        best = max(
            same,
            key=lambda c: sum(_similarity(course, c, f) for f in ("course_name", "level", "term")),
        )
        left.remove(best)
        pairs.append((course, best))
    return pairs


def score_page(name: str, truth: dict[str, Any], page: dict[str, Any]) -> PageScore:
    """Score one page of the page_ocr schema."""
    return score(name, truth, _text_of(page), page["courses"] or [])


def texts(pages_dir: Path, truth_dir: Path, name: str) -> tuple[str, str]:
    """The true text of a page that was scored, and the one that was read."""
    truth, page = (_load(folder / f"{name}.json") for folder in (truth_dir, pages_dir))
    return truth["text"], _text_of(page)


def _text_of(page: dict[str, Any]) -> str:
    blocks = page["raw_ocr"]["text_blocks"]
    return "\n".join(block["text"] for block in blocks if block["text"])


def score(
    name: str, truth: dict[str, Any], text: str, read_courses: Sequence[dict[str, Any]]
) -> PageScore:
    """Score a page's text and courses; `truth` is the content of its truth file."""
    true_text, read_text = normal_text(truth["text"]), normal_text(text)
    true_courses = truth["courses"]
    pairs = matched_courses(true_courses, read_courses)
    return PageScore(
        name=name,
        characters=len(true_text),
        errors=Levenshtein.distance(true_text, read_text),
        courses_true=len(true_courses),
        courses_read=len(read_courses),
        courses_matched=len(pairs),
        facts_right={fact: sum(same_fact(t, r, fact) for t, r in pairs) for fact in FACTS},
        words=count_words(truth["text"], text),
    )


def truth_of(truth_dir: Path, name: str) -> dict[str, Any] | None:
    """The true text and courses of the page `state/school/year/page`; None where nobody knows.

    Raises:
        DataError: there is a file, but it does not say so.
    """
    path = truth_dir / f"{name}.json"
    if not path.is_file():
        return None
    try:
        truth = _load(path)
        if isinstance(truth["text"], str) and isinstance(truth["courses"], list):
            return truth
        raise ValueError("`text` must be a text and `courses` a list")
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} is no truth file ({type(error).__name__}: {error}). It needs `text` and "
            "`courses`, as those in resources/sample/truth."
        ) from error


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of all pages that were read, and the names of those that were not."""

    pages: list[PageScore]
    unread: list[str]


def score_pages(pages_dir: Path, truth_dir: Path) -> Scores:
    """Score every page that has a truth file.

    Raises:
        DataError: there is no such page, or a file is not what it should be.
    """
    pages, unread = [], []
    for truth_file in sorted(truth_dir.rglob("*.json"), key=_natural):
        file = truth_file.relative_to(truth_dir)
        name = str(file.with_suffix(""))
        if not (pages_dir / file).is_file():
            unread.append(name)
            continue
        try:
            pages.append(score_page(name, _load(truth_file), _load(pages_dir / file)))
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{pages_dir / file} cannot be compared with {truth_file}: "
                f"{type(error).__name__}: {error}. Both must be pages of the prompt page_ocr."
            ) from error
    if not pages:
        raise DataError(
            f"No page in {pages_dir} has a truth file in {truth_dir}. Read the sample first: "
            + snakemake()
        )
    return Scores(pages, unread)


def totals(scores: Sequence[PageScore]) -> dict[str, float]:
    """Over all pages, each number a share.

    `mean_cer` is the mean of the pages' rates, `total_cer` that of all characters together, and so
    for `wer` and words. Precision and recall of words are those of the bags of words. The
    accuracies of level, term and department are shares of the matched courses.
    """
    matched = sum(s.courses_matched for s in scores)
    common = sum(s.words.common for s in scores)
    right = {fact: sum(s.facts_right.get(fact, 0) for s in scores) for fact in FACTS}
    return {
        "mean_cer": sum(s.error_rate for s in scores) / max(1, len(scores)),
        "total_cer": sum(s.errors for s in scores) / max(1, sum(s.characters for s in scores)),
        "mean_wer": sum(s.word_error_rate for s in scores) / max(1, len(scores)),
        "total_wer": sum(s.words.errors for s in scores)
        / max(1, sum(s.words.true for s in scores)),
        "word_precision": common / max(1, sum(s.words.read for s in scores)),
        "word_recall": common / max(1, sum(s.words.true for s in scores)),
        "course_precision": matched / max(1, sum(s.courses_read for s in scores)),
        "course_recall": matched / max(1, sum(s.courses_true for s in scores)),
        **{f"{fact}_accuracy": right[fact] / max(1, matched) for fact in FACTS},
    }


def _load(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text("utf-8-sig"))
    return loaded


def same_fact(one: dict[str, Any], other: dict[str, Any], fact: str) -> bool:
    """Equal but for capitals and punctuation; null is equal to null only."""
    return _plain(one.get(fact)) == _plain(other.get(fact))


def _similarity(one: dict[str, Any], other: dict[str, Any], field: str) -> float:
    return fuzz.ratio(_plain(one.get(field)), _plain(other.get(field)))


def _plain(text: str | None) -> str:
    return re.sub(r"[^a-z0-9 ]", "", (text or "").lower().replace("æ", "ae")).strip()


def _natural(path: Path) -> list[str]:
    """Sorts page 2 before page 10."""
    return [part.zfill(8) if part.isdigit() else part for part in (*path.parts[:-1], path.stem)]
