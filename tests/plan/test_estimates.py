"""What was expected, held against what a server metered that counts tokens as Gemini does.

The sample is read by the real reader. 200 more pages, in books of ten, are its images, drawn at
random with blank leaves among them, and are answered as it answered those; Ohio's half of them says
what Vermont's will take.
"""

import io
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from helpers.command_calls import said
from helpers.embedded_process import EmbeddedProcess
from helpers.library import REPO, Library
from helpers.recorded_server import marked
from helpers.sample import SAMPLE

SECONDS = 600.0
BLANK = "blank"
BLANK_ANSWER = {
    "raw_ocr": {"text_blocks": [], "layout_description": "An empty leaf."},
    "page_info": {"page_number": None, "is_complete_page": True, "content_type": "blank"},
    **dict.fromkeys(("school_name", "catalog_year", "academic_year")),
    "courses": [],
}

pytestmark = pytest.mark.slow


@dataclass
class Reading:
    """A plan from before a reading, and what the reading took."""

    plan: dict[str, Any]
    usd: float
    input_tokens: int
    output_tokens: int

    def off(self, price: str) -> tuple[float, float, float]:
        """By which share the plan was wrong: USD, tokens in, tokens out."""
        guess = self.plan[price]
        return (
            guess["usd"] / self.usd - 1,
            guess["input_tokens"] / self.input_tokens - 1,
            guess["output_tokens"] / self.output_tokens - 1,
        )


def metered(library: Library, where: str = "1") -> tuple[float, int, int]:
    """USD at 0.15 and 1.25 a million tokens, tokens in, tokens out of the attempts."""
    tokens = library.ledger(
        "SELECT SUM(prompt_tokens), SUM(output_tokens + thoughts_tokens) FROM attempt"
        f" WHERE {where}"
    )[0]
    return (tokens[0] * 0.15 + tokens[1] * 1.25) / 1e6, *tokens


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """The sample, not read yet."""
    paths = {
        "label_source_dir": str(SAMPLE / "labels"),
        "image_source_dir": str(SAMPLE / "images"),
    }
    root = tmp_path_factory.mktemp("sample")
    with Library(root, {}, paths=paths, embedded={"reader": "ocr"}) as library:
        yield library


@pytest.fixture(scope="module")
def sample_reading(sample: Library) -> Reading:
    """The sample, read."""
    plan = said(sample, "plan.py")
    sample.run(seconds=SECONDS)
    return Reading(plan, *metered(sample))


@pytest.fixture(scope="module")
def halves(
    sample: Library, sample_reading: Reading, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Reading]]:
    """200 pages by engine gemini: all of them, Ohio's and Vermont's."""
    root = tmp_path_factory.mktemp("pages")
    answers = dict(sample.ledger("SELECT key, page FROM attempt WHERE ok"))
    recorded = root / "answers.json"
    recorded.write_text(json.dumps(answers | {BLANK: json.dumps(BLANK_ANSWER)}), encoding="utf-8")
    draw_books(root, list(answers))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PAGEWAVE_RECORDED", str(recorded))
        program = [str(REPO / "tests/helpers/recorded_server.py")]
        with (
            EmbeddedProcess(root / "gemini", program=program) as server,
            Library(root, {}, quality={"echo": "flag"}) as library,
        ):
            library.config["engine"] = "gemini"
            library.configure()
            library.environment = {
                "GOOGLE_GEMINI_BASE_URL": server.base_url,
                "GEMINI_API_KEY": server.token,
            }
            plan = said(library, "plan.py")
            library.configure(filters={"target_states": ["Ohio"]})
            ohio = Reading(said(library, "plan.py"), 0, 0, 0)
            library.run(seconds=SECONDS)
            first = metered(library)
            library.configure(filters={"target_states": ["Vermont"]})
            dry = library.run("-n", seconds=SECONDS)
            vermont = said(library, "plan.py")
            library.run(seconds=SECONDS)
            both = metered(library)
            library.configure(filters={"target_states": []})
            pages = library.root / "results/pages"
            pages.rename(library.root / "read")
            # Other settings, so that the stored answers are none.
            library.configure(model={"generation_config": {"top_p": 0.9}})
            again = said(library, "plan.py")
            with_usd = library.ledger("SELECT SUM(usd) FROM attempt")[0][0]
            assert with_usd == pytest.approx(both[0])
            assert "as measured (100 pages)" in dry
            rest = [whole - part for whole, part in zip(both, first, strict=True)]
            yield {
                "all": Reading(plan, *both),
                "ohio": Reading(ohio.plan, *first),
                "again": Reading(again, *both),
                "vermont": Reading(vermont, rest[0], int(rest[1]), int(rest[2])),
            }


def draw_books(root: Path, keys: list[str]) -> None:
    """Twenty books of ten pages: a title page, then pages of the sample and blank leaves."""
    chance = random.Random(1850)
    titles = [key for key in keys if key.endswith(":1")]
    others = [key for key in keys if key not in titles]
    blank = io.BytesIO()
    Image.new("L", (1100, 1720), 225).save(blank, "JPEG")
    for number in range(20):
        book = f"{'Ohio' if number % 2 else 'Vermont'}/School {number}/1850"
        names = [chance.choice(titles)]
        while len(names) < 10:
            name = BLANK if chance.random() < 0.15 else chance.choice(others)
            if name != names[-1]:
                names.append(name)
        for page, name in enumerate(names, 1):
            image = blank.getvalue() if name == BLANK else sample_image(name).read_bytes()
            for folder, suffix, content in (
                ("labels", "json", b"{}"),
                ("images", "jpg", marked(image, name, 100 * number + page)),
            ):
                file = root / folder / book / f"{page}.{suffix}"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)


def sample_image(key: str) -> Path:
    """The image of a page of the sample."""
    state, school, year, page = key.split(":")
    return SAMPLE / "images" / state / school / year / f"{page}.jpg"


def test_the_sample_by_rule_of_thumb(sample_reading: Reading) -> None:
    assert sample_reading.plan["to_send"] == 18
    assert all(abs(off) <= 0.15 for off in sample_reading.off("by_rule")), sample_reading
    assert sample_reading.usd <= sample_reading.plan["most_usd"]


def test_the_sample_once_it_was_read(sample: Library, sample_reading: Reading) -> None:
    """To be read again, as with another scan of it."""
    forecast = sample.run("-n", "--forceall")
    assert "as measured (18 pages)" in forecast
    pages, usd = sample.ledger("SELECT COUNT(*), SUM(expected_usd) FROM record")[0]
    assert pages == 18
    # Each wave was expected to take what was known by then.
    assert usd == pytest.approx(sample_reading.plan["by_rule"]["usd"], rel=0.15)
    assert usd == pytest.approx(sample_reading.usd, rel=0.15)


def test_200_pages_by_rule_of_thumb(halves: dict[str, Reading]) -> None:
    reading = halves["all"]
    assert reading.plan["to_send"] == 200
    assert all(abs(off) <= 0.15 for off in reading.off("by_rule")), reading.off("by_rule")


def test_200_pages_once_half_of_them_were_read(halves: dict[str, Reading]) -> None:
    """What was paid for Ohio and what is expected of Vermont, against what both took."""
    ohio, vermont, both = halves["ohio"], halves["vermont"], halves["all"]
    assert vermont.plan["to_send"] == vermont.plan["pages_measured"] == 100
    measured = vermont.plan["measured"]
    for what in ("usd", "input_tokens", "output_tokens"):
        total = getattr(ohio, what) + measured[what]
        assert total == pytest.approx(getattr(both, what), rel=0.05), what
    # Vermont's pages differ from Ohio's by chance: the range says how much they may.
    low, high = (measured["usd"] * (1 + sign * measured["error"]) for sign in (-1, 1))
    assert low <= vermont.usd <= high


def test_200_pages_to_be_read_again(halves: dict[str, Reading]) -> None:
    again, both = halves["again"].plan, halves["all"]
    assert again["pages_measured"] == 200
    for what in ("usd", "input_tokens", "output_tokens"):
        assert again["measured"][what] == pytest.approx(getattr(both, what), rel=0.05), what
