"""What was read of pages beside their truth, word by word, as one HTML page to look at.

It is whole in its one file and needs no network; its own policy forbids scripts.
"""

from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path

import jinja2

from pagewave.answers.scores import PageScore, texts, totals
from pagewave.answers.word_scores import compared_word
from pagewave.atomic import write_atomically
from pagewave.commands.trials.words import marked
from pagewave.wording import count

TEMPLATE = "differences.html.jinja"


def write_differences(
    path: Path, scores: Sequence[PageScore], pages_dir: Path, truth_dir: Path
) -> None:
    """Write the page; the page with most wrong words a true word is first.

    Raises:
        PagewaveError: the disk is full, or something else is in the way.
    """
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(
        files(__package__).joinpath(TEMPLATE).read_text(encoding="utf-8")
    )
    worst = sorted(scores, key=lambda score: -score.word_error_rate)
    text = template.render(
        total=totals(scores),
        pages=[(score, list(_pieces(*texts(pages_dir, truth_dir, score.name)))) for score in worst],
        count=count,
    )
    write_atomically(path, text)


def _pieces(truth: str, read: str) -> Iterator[tuple[str, str]]:
    """What to show, one after another: words that are `right`, `wrong`, or `true` but not read."""
    instead = ""
    for mark in marked(read, read, truth, compared_word):
        if instead and not mark.wrong:
            yield "true", instead
            instead = ""
        if mark.missing:
            yield "true", mark.missing
        if mark.word:
            yield ("wrong" if mark.wrong else "right"), mark.word + mark.space
        instead = mark.true
    if instead:
        yield "true", instead
