"""Answers that are valid and in doubt: each guard, and what only looks like its business."""

import contextlib
import json
import re
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from helpers.command_calls import main_of, said
from helpers.library import REPO, Library
from pagewave.answers import guards as guards_module
from pagewave.answers.guards import (
    BLANK,
    LEAST_PAGES,
    LEAST_PIECES,
    PRINT,
    Evidence,
    PageRead,
    judge,
    letters_expected,
)
from pagewave.answers.line_pieces import pieces_of_lines
from pagewave.answers.result_line import Answer, Failure, Usage
from pagewave.config.reading import Quality
from pagewave.errors import DataError
from pagewave.page_model import PageModel
from pagewave.pages.ink import share_of_ink
from pagewave.pages.look import glance
from pagewave.prompts.registry import load_prompt

SAMPLE = REPO / "resources/sample"
MODEL = load_prompt(REPO / "prompts", "page_ocr", "v1.1.jinja").page_model
KEY = "Ohio:Ashgrove College:1852:14"
FLAG_ALL = Quality(repetition="flag", echo="flag", empty_on_ink="flag", text_on_blank="flag")
NONE = Quality(repetition="off", echo="off", empty_on_ink="off", text_on_blank="off")


def page(*texts: str, content_type: str = "courses", courses: Any = ()) -> PageModel:
    """A page_ocr page with these blocks."""
    blocks = [
        {"block_id": number, "position": "top", "text": text, "font_style": "regular"}
        for number, text in enumerate(texts, 1)
    ]
    info = {"page_number": "14", "is_complete_page": True, "content_type": content_type}
    return MODEL.model_validate(
        {
            "raw_ocr": {"text_blocks": blocks, "layout_description": "One column."},
            "page_info": info,
            **dict.fromkeys(("school_name", "catalog_year", "academic_year")),
            "courses": [*courses],
        }
    )


def judged(
    answer: PageModel,
    guards: Quality = Quality(),  # noqa: B008  (it never changes)
    *,
    before: PageModel | None = None,
    image: Path | None = None,
    neighbours: list[Path] | None = None,
    read: Callable[[], list[PageRead]] = list,
    is_inked: bool = False,
) -> Answer | Failure:
    """The verdict on an answer; an image that nobody should look at is not there."""

    def unwanted() -> Any:
        raise AssertionError("nobody should ask for this")

    evidence = Evidence(
        key=KEY,
        context=before.context() if before else None,
        image=image or Path("no such image"),
        page_before=before.text if before else unwanted,
        neighbours=lambda: neighbours if neighbours is not None else [Path(__file__)] * 2,
        pages_read=read,
        is_inked=lambda: is_inked,
    )
    usage = Usage(0, 0, 0, 0, 0)
    found = Answer(KEY, answer, answer.text(), answer.model_dump_json(), usage, "STOP")
    return judge(found, evidence, guards)


def failed(verdict: Answer | Failure, error_type: str) -> Failure:
    assert isinstance(verdict, Failure), verdict
    assert verdict.error_type == error_type
    return verdict


def flags(verdict: Answer | Failure) -> list[str]:
    assert isinstance(verdict, Answer), verdict
    return [flag.what for flag in verdict.flags]


# Repetition

EMPTY = dict.fromkeys(("department", "level", "term", "description", "topics", "instructors"))
LIVY = {"course_name": "Livy", **EMPTY, "textbooks": []}


@pytest.mark.parametrize(
    "looped",
    [
        page("FRESHMAN YEAR.", "Livy, " * 300, "14"),
        page(*["Latin Grammar."] * 100),
        page("x", courses=[LIVY] * 60),
    ],
    ids=["text", "blocks", "courses"],
)
def test_a_loop_that_was_closed_is_a_repetition(looped: PageModel) -> None:
    assert "repeats" in failed(judged(looped), "Repetition").message
    assert flags(judged(looped, FLAG_ALL)) == ["repetition"]
    assert flags(judged(looped, NONE)) == []


def test_like_courses_are_no_loop() -> None:
    assert flags(judged(page("x", courses=[LIVY] * 12))) == []


# Echo


def truth(path: Path) -> PageModel:
    """What a perfect reader says of a page of the sample."""
    content = json.loads(path.read_text(encoding="utf-8"))
    courses = [EMPTY | {"textbooks": []} | course for course in content["courses"]]
    return page(*(block["text"] for block in content["blocks"]), courses=courses)


BOOKS = [sorted(folder.glob("*.json")) for folder in sorted(SAMPLE.glob("truth/*/*/*"))]
PAIRS = [(truth(a), truth(b)) for book in BOOKS for a, b in pairwise(book)]
ASHGROVE = [truth(path) for path in BOOKS[0]]


def test_the_sample_has_pages_to_compare() -> None:
    assert (len(PAIRS), len(ASHGROVE)) == (15, 6)


@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_no_page_of_the_sample_is_an_echo(before: PageModel, after: PageModel) -> None:
    assert flags(judged(after, before=before)) == []


@pytest.mark.parametrize("characters", [100, 500])
@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_a_page_that_begins_with_the_end_of_the_one_before_is_no_echo(
    before: PageModel, after: PageModel, characters: int
) -> None:
    text = f"{before.text()[-characters:]}\n{after.text()}"
    assert flags(judged(page(text), before=before)) == []


@pytest.mark.parametrize("characters", [350, 500])
@pytest.mark.parametrize("before", ASHGROVE[1:])
def test_the_end_of_the_page_before_is_an_echo(before: PageModel, characters: int) -> None:
    text = before.text()[-characters:]
    for echo in (page(text), page(text, "FRESHMAN YEAR."), page(text.replace("\n", " "))):
        failure = failed(judged(echo, before=before), "Echo")
        assert "are what the prompt quotes of the page before." in failure.message
        assert flags(judged(echo, FLAG_ALL, before=before)) == ["echo"]
        assert flags(judged(echo, NONE, before=before)) == []


def test_the_whole_context_is_an_echo_however_short_the_page_was() -> None:
    before = page("CATALOGUE OF ASHGROVE COLLEGE.")
    failed(judged(page(before.context()), before=before), "Echo")


def test_a_page_that_says_the_same_as_a_short_page_before_it_is_flagged_at_most() -> None:
    cover = page(
        "CATALOGUE OF THE OFFICERS AND STUDENTS OF ASHGROVE COLLEGE, FOR THE ACADEMICAL YEAR 1852.",
        "SPRINGFIELD: PRINTED BY SAMUEL WARREN, AT THE OFFICE OF THE REPUBLICAN, MAIN STREET.",
    )
    laws = "TOGETHER WITH THE LAWS OF THE COLLEGE, AND THE COURSE OF STUDY FOR EACH OF THE CLASSES."
    title = page(cover.text(), laws)
    assert flags(judged(cover, before=cover)) == []  # too few words to tell
    assert flags(judged(title, before=cover)) == []
    assert flags(judged(title, before=title)) == ["echo"]
    # A long page twice is not what the prompt quotes: that is but its end.
    assert flags(judged(ASHGROVE[2], before=ASHGROVE[2])) == []


def test_of_two_like_pages_the_second_is_flagged_from_forty_words_on() -> None:
    words = [f"word{number}" for number in range(40)]
    enough, too_few = page(" ".join(words)), page(" ".join(words[:-1]))
    assert flags(judged(enough, before=enough)) == ["echo"]
    assert flags(judged(too_few, before=too_few)) == []


@pytest.mark.parametrize(("others", "found"), [(10, ["echo"]), (11, ["echo"]), (0, ["echo"])])
def test_four_words_of_five_that_both_pages_have_make_them_alike(
    others: int, found: list[str]
) -> None:
    """What only the page before has is not on this one: of more than a fifth it is an echo."""
    words = [f"word{number}" for number in range(40)]
    before = page(" ".join([f"more{number}" for number in range(others)] + words))
    assert flags(judged(page(" ".join(words)), FLAG_ALL, before=before)) == found
    verdict = judged(page(" ".join(words)), before=before)
    assert isinstance(verdict, Failure) == (others > 10)


def test_a_short_list_like_the_one_before_is_no_echo() -> None:
    studies = (
        "First Term. Latin Grammar; Arithmetic; Geography. Second Term. Latin Reader; Algebra."
    )
    before = page("Text before. " * 100, f"JUNIOR CLASS. {studies}")
    assert flags(judged(page(f"MIDDLE CLASS. {studies}"), before=before)) == []


@pytest.mark.parametrize(
    "text",
    [KEY, f"Page {KEY}.", f'{{"key": "{KEY}"}}', "Ohio/Ashgrove College/1852/14", f"{KEY} {KEY}"],
)
def test_a_page_that_says_its_key_is_an_echo(text: str) -> None:
    assert "is the page's key" in failed(judged(page(text)), "Echo").message


@pytest.mark.parametrize(
    "text",
    [
        "ASHGROVE COLLEGE, OHIO. 1852.",
        "Ohio: Ashgrove College, 1852",
        f"{KEY}\nFRESHMAN YEAR.",
        "14",
        f"Page {KEY}.\nRead after: nothing",
    ],
)
def test_a_page_that_names_the_school_is_no_echo(text: str) -> None:
    assert flags(judged(page(text))) == []


# Ink

IMAGES = sorted(SAMPLE.glob("images/*/*/*/*.jpg"))


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A leaf as the sample's, toned and spotted, with nothing on it but what shines through."""
    generator = str(SAMPLE / "generator")
    sys.path.insert(0, generator)
    try:
        from ageing import INK_SIZE, photograph
    finally:
        sys.path.remove(generator)
    with Image.open(IMAGES[3]) as printed:
        other_side = printed.convert("L").point(lambda grey: max(0, min(255, 2 * (170 - grey))))
    leaf = photograph(
        Image.new("L", INK_SIZE, 0), other_side.resize(INK_SIZE), True, np.random.default_rng(5)
    )
    path = tmp_path_factory.mktemp("blank") / "1.jpg"
    leaf.save(path, quality=40)
    return path


def test_every_page_of_the_sample_has_ink() -> None:
    shares = [share_of_ink(path) for path in IMAGES]
    assert min(shares) > 2 * PRINT
    assert max(shares) < 0.12


Damage = Callable[[Image.Image], Image.Image]


def drawn(*shapes: Callable[[ImageDraw.ImageDraw], None]) -> Damage:
    def draw(leaf: Image.Image) -> Image.Image:
        for shape in shapes:
            shape(ImageDraw.Draw(leaf))
        return leaf

    return draw


BED = drawn(
    lambda d: d.polygon([(0, 0), (180, 0), (120, 1720), (0, 1720)], fill=(15, 15, 15)),
    lambda d: d.rectangle((0, 1600, 1100, 1720), fill=(30, 25, 20)),
)
NUMBER = drawn(lambda d: d.text((540, 100), "12", fill=(40, 30, 20), font_size=22))


@pytest.mark.parametrize(
    "damage",
    [
        lambda leaf: leaf,
        lambda leaf: (
            leaf.convert("L").convert("1").convert("L").filter(ImageFilter.GaussianBlur(9))
        ),
        lambda leaf: leaf.point(lambda value: value // 2),
        lambda leaf: leaf.resize((2200, 3440), Image.Resampling.BICUBIC),
        lambda leaf: leaf.rotate(90, expand=True),
        BED,
        NUMBER,
    ],
    ids=["as it is", "blurred", "dark", "large", "turned", "scanner bed", "page number"],
)
def test_blank_paper_has_none(blank: Path, tmp_path: Path, damage: Damage) -> None:
    with Image.open(blank) as leaf:
        leaf.load()
    path = tmp_path / "leaf.png"
    damage(leaf).save(path)
    assert share_of_ink(path) < BLANK
    damage(leaf).convert("RGB").save(path.with_suffix(".jpg"))
    seen = glance(path.with_suffix(".jpg"))
    assert seen and not seen.is_inked


def test_a_glance_is_certain_of_ink_on_every_page_of_the_sample() -> None:
    assert all((seen := glance(path)) and seen.is_inked for path in IMAGES)


STAMP = drawn(
    lambda d: d.ellipse((500, 500, 700, 620), outline=(80, 60, 120), width=5),
    lambda d: d.text((540, 540), "LIBRARY", fill=(80, 60, 120), font_size=24),
)
FOLD = drawn(lambda d: d.line((100, 0, 160, 1720), fill=(90, 80, 70), width=3))


@pytest.mark.parametrize("damage", [STAMP, FOLD], ids=["stamp", "fold"])
def test_a_stamp_and_a_fold_are_no_print(blank: Path, tmp_path: Path, damage: Damage) -> None:
    with Image.open(blank) as leaf:
        leaf.load()
    path = tmp_path / "leaf.png"
    damage(leaf).save(path)
    assert share_of_ink(path) < PRINT
    verdict = judged(page(), image=path)
    assert flags(verdict) == ["empty_on_ink"]
    assert flags(judged(page(content_type="blank"), image=path)) == []


def test_faded_print_is_not_blank(tmp_path: Path) -> None:
    with Image.open(IMAGES[1]) as printed:
        faded = printed.convert("L").point(lambda grey: 225 - 2 * (225 - grey) // 5)
    faded.save(tmp_path / "faded.png")
    assert share_of_ink(tmp_path / "faded.png") > PRINT


def test_an_image_that_is_gone_is_no_evidence(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        share_of_ink(tmp_path / "gone.jpg")
    assert flags(judged(page(), image=tmp_path / "gone.jpg")) == []


@pytest.mark.parametrize(
    ("content_type", "action", "printed", "on_blank"),
    [
        ("courses", "fail", "EmptyOnInk", []),
        ("courses", "flag", ["empty_on_ink"], []),
        ("courses", "off", [], []),
        ("blank", "fail", ["empty_on_ink"], []),  # a cover may be dark
        ("unreadable", "fail", [], []),
    ],
)
def test_no_text(
    blank: Path, content_type: str, action: Any, printed: str | list[str], on_blank: list[str]
) -> None:
    guards = Quality(empty_on_ink=action)
    answer = page(content_type=content_type)
    verdict = judged(answer, guards, image=IMAGES[0])
    if isinstance(printed, str):
        assert "2.49% of the image is ink" in failed(verdict, printed).message
    else:
        assert flags(verdict) == printed
    assert flags(judged(answer, guards, image=blank)) == on_blank
    assert flags(judged(page("  \n", content_type=content_type), guards, image=blank)) == on_blank


def dotted(path: Path, dots: int) -> Path:
    """An image of which so many pixels of 200,000 (without its margins) are ink."""
    image = Image.new("L", (556, 444), 255)
    for number in range(dots):
        image.putpixel((33 + number % 50 * 10, 27 + number // 50 * 10), 0)
    image.save(path)
    return path


def test_what_just_reaches_a_bound_of_ink_has_reached_it(tmp_path: Path) -> None:
    """One percent is print, and three pixels of ten thousand are no blank paper."""
    printed, inked = dotted(tmp_path / "print.png", 2000), dotted(tmp_path / "ink.png", 60)
    less, none = dotted(tmp_path / "less.png", 1999), dotted(tmp_path / "none.png", 59)
    assert (share_of_ink(printed), share_of_ink(inked)) == (PRINT, BLANK)
    failed(judged(page(), image=printed), "EmptyOnInk")
    assert flags(judged(page(), image=less)) == ["empty_on_ink"]  # not for certain
    assert flags(judged(page(), image=inked)) == ["empty_on_ink"]
    assert flags(judged(page(), image=none)) == []
    called_blank = page(content_type="blank")
    assert flags(judged(called_blank, image=printed)) == ["empty_on_ink"]
    assert flags(judged(called_blank, image=less)) == []
    assert flags(judged(INVENTED, image=inked, neighbours=[])) == []
    assert flags(judged(INVENTED, image=none, neighbours=[])) == ["text_on_blank"]


INVENTED = page("FRESHMAN YEAR. Livy; Xenophon's Anabasis.")


def test_text_on_blank_paper(blank: Path) -> None:
    around = IMAGES[1:4]
    assert flags(judged(INVENTED, image=blank, neighbours=around)) == ["text_on_blank"]
    failed(
        judged(INVENTED, Quality(text_on_blank="fail"), image=blank, neighbours=around),
        "TextOnBlank",
    )
    assert flags(judged(INVENTED, NONE, image=blank, neighbours=around)) == []
    assert flags(judged(page("Page 12"), image=blank, neighbours=around)) == []
    # A book of one page has no neighbours; a title page is as small a file, and has ink.
    assert flags(judged(INVENTED, image=blank, neighbours=[])) == ["text_on_blank"]
    assert flags(judged(INVENTED, image=IMAGES[0], neighbours=around)) == []


def test_an_image_is_measured_in_doubt_only(blank: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[Path] = []
    monkeypatch.setattr(
        "pagewave.answers.guards.share_of_ink", lambda path: measured.append(path) or 0.0
    )
    judged(INVENTED, image=IMAGES[2], neighbours=IMAGES[1:4])
    judged(page("Page 12"), image=blank, neighbours=IMAGES[1:4])
    judged(page(), NONE, image=blank)
    judged(INVENTED, image=IMAGES[0], neighbours=IMAGES[1:4], is_inked=True)
    assert measured == []
    judged(page(), image=blank)
    judged(page("FRESHMAN YEAR. Livy; Homer.", content_type="blank"), image=IMAGES[2])
    assert measured == [blank, IMAGES[2]]


# Through the workflow

BOOK, OTHER = "Ohio/Ashgrove/1852", "Vermont/Linden/1866"
FIRST, SECOND, THIRD = (f"Ohio:Ashgrove:1852:{number}" for number in (1, 2, 3))
FOURTH, FIFTH = (f"Vermont:Linden:1866:{number}" for number in (1, 2))


def scanned(library: Library, **images: Path) -> Library:
    """The library with these images in the place of its noise, by the pages' names above."""
    for name, image in images.items():
        shutil.copy(image, library.image(globals()[name]))
    return library


def test_what_a_guard_fails_is_read_again(tmp_path: Path) -> None:
    faults = [
        f"echo-key:match={FIRST}$,times=1",
        f"echo-context:match={SECOND}$,times=1",
        f"empty-text:match={THIRD}$,times=1",
        f"repetition:match={FOURTH}$,times=1,closed=yes",
        f"echo-context:match={FIFTH}$",
    ]
    with Library(tmp_path, {BOOK: 3, OTHER: 2}, embedded={"faults": faults}) as library:
        scanned(library, THIRD=IMAGES[2])
        output = library.run(code=1)
        failures = library.ledger(
            "SELECT key, error_type, COUNT(*), MIN(raw_json LIKE '{%') FROM failure"
            " GROUP BY key, error_type ORDER BY key"
        )
        assert failures == [
            (FIRST, "Echo", 1, 1),
            (SECOND, "Echo", 1, 1),
            (THIRD, "EmptyOnInk", 1, 1),
            (FOURTH, "Repetition", 1, 1),
            (FIFTH, "Echo", 3, 1),
        ]
        assert library.inferences() == Counter({FIRST: 2, SECOND: 2, THIRD: 2, FOURTH: 2, FIFTH: 3})
        assert f"{FIFTH} is a dead letter after 3 failures, the last one Echo" in output
        assert f"Read after: {SECOND}" in library.text(THIRD)
        assert library.ledger("SELECT * FROM flag") == []
        assert "Flagged pages" not in output


def test_what_a_guard_flags_is_kept_and_shown(
    blank: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    faults = [
        f"echo-key:match={FIRST}$",
        f"invented-text:match={SECOND}$",
        f"empty-text:match={FIFTH}$,declared=blank",
    ]
    quality = {"echo": "flag"}
    with Library(
        tmp_path, {BOOK: 3, OTHER: 2}, embedded={"faults": faults}, quality=quality
    ) as library:
        scanned(library, FIRST=IMAGES[1], SECOND=blank, THIRD=IMAGES[2], FIFTH=IMAGES[0])
        assert "lagged" not in library.run("-n")
        output = library.run()
        expected = {FIRST: "echo", SECOND: "text_on_blank", FIFTH: "empty_on_ink"}
        summary = "Flagged pages (echo: 1, empty_on_ink: 1, text_on_blank: 1): "
        assert "/scripts/flags.py --configfile config.yaml" in output.partition(summary)[2]
        assert library.inferences() == Counter([FIRST, SECOND, THIRD, FOURTH, FIFTH])
        in_books = {
            entry["key"]: [flag["what"] for flag in entry["provenance"]["flags"]]
            for book in (BOOK, OTHER)
            for entry in library.book(book)["pages"]
        }
        assert in_books == {
            key: [expected[key]] if key in expected else []
            for key in (FIRST, SECOND, THIRD, FOURTH, FIFTH)
        }
        in_manifests = {
            entry["key"]: [flag["what"] for flag in entry["flags"]]
            for manifest in library.manifests()
            for entry in manifest["pages"]
        }
        assert in_manifests == in_books
        attempts = library.ledger(
            "SELECT f.key, f.what, a.ok FROM flag f JOIN attempt a ON a.id = f.attempt_id"
            " AND a.key = f.key ORDER BY f.key"
        )
        assert attempts == [(key, what, 1) for key, what in sorted(expected.items())]

        with contextlib.chdir(tmp_path):
            assert main_of("flags.py")(["--configfile", "config.yaml"]) == 0
        listed = capsys.readouterr().out
        assert re.search(f"{SECOND} +. text_on_blank +. The answer holds", listed)
        assert "3 pages flagged." in listed
        assert {flag["key"]: flag["what"] for flag in said(library, "flags.py")} == expected
        [flag] = said(library, "flags.py", "--states", "Vermont")
        assert flag["key"] == FIFTH

        # A stored answer keeps its flag.
        library.page_file(SECOND).unlink()
        assert "Flagged pages (text_on_blank: 1)" in library.run()
        assert library.inferences()[SECOND] == 1

        # So does an answer that a new ledger learns of.
        (library.state / "ledger.sqlite").rename(tmp_path / "lost.sqlite")
        said(library, "rebuild_ledger.py")
        assert {flag["key"]: flag["what"] for flag in said(library, "flags.py")} == expected


# Few letters

TRUTH = SAMPLE / "truth/Massachusetts/Ashgrove College/1852"


def image_of(truth_file: Path) -> Path:
    """The scan of a page of the sample."""
    return Path(str(truth_file).replace("/truth/", "/images/")).with_suffix(".jpg")


def read_pages(folder: Path, *numbers: int) -> list[PageRead]:
    """Pages of a book of the sample, as they were read."""
    found = []
    for number in numbers:
        path = TRUTH / f"{number}.json"
        answer = truth(path)
        file = folder / path.name
        file.write_text(answer.model_dump_json() + "\n")
        found.append(PageRead(file, image_of(path), answer.text))
    return found


def a_third_of(path: Path) -> PageModel:
    """A page of which two letters of three got lost."""
    return page(truth(path).text()[::3])


FOURTH_TRUTH = TRUTH / "4.json"


def test_far_fewer_letters_than_the_print_means_are_flagged_and_never_failed(
    tmp_path: Path,
) -> None:
    read = read_pages(tmp_path, 2, 3, 5, 6)
    for guards in (Quality(), FLAG_ALL):
        verdict = judged(
            a_third_of(FOURTH_TRUTH), guards, image=image_of(FOURTH_TRUTH), read=lambda: read
        )
        assert flags(verdict) == ["few_letters"]
    assert isinstance(verdict, Answer)
    assert re.search(r"holds 274 letters .* means about 7\d\d\.", verdict.flags[0].message)
    off = Quality(few_letters="off")
    for answer, quality, pages in (
        (truth(FOURTH_TRUTH), Quality(), read),
        (a_third_of(FOURTH_TRUTH), off, read),
        (a_third_of(FOURTH_TRUTH), Quality(), read[:3]),  # too few to go by
        (page("Of this little can be read.", content_type="unreadable"), Quality(), read),
    ):
        assert (
            flags(judged(answer, quality, image=image_of(FOURTH_TRUTH), read=lambda p=pages: p))
            == []
        )


def test_no_page_of_the_sample_has_few_letters() -> None:
    judged_pages = 0
    for book in sorted(SAMPLE.glob("truth/*/*/*")):
        counts = {
            path.stem: (
                sum(map(str.isalnum, truth(path).text())),
                pieces_of_lines(image_of(path)),
            )
            for path in book.glob("*.json")
        }
        for number, (letters, pieces) in counts.items():
            if pieces < LEAST_PIECES:
                continue
            expected = letters_expected(pieces, [c for n, c in counts.items() if n != number])
            assert expected is not None
            assert letters > 1.3 * expected.at_least, (book, number)
            judged_pages += 1
    assert judged_pages == 15  # all but the title pages


def test_a_page_whose_image_says_nothing_is_not_flagged(tmp_path: Path, blank: Path) -> None:
    read = read_pages(tmp_path, 2, 3, 5, 6)
    few = page("Plate 3. A view.")
    for image in (blank, tmp_path / "gone.jpg", image_of(TRUTH / "1.json")):
        assert flags(judged(few, image=image, read=lambda: read)) == []
    # Nothing is known of the others either, where their images or files are gone.
    gone = [PageRead(one.file, tmp_path / "gone.jpg", one.text) for one in read]
    assert flags(judged(few, image=image_of(FOURTH_TRUTH), read=lambda: gone)) == []

    def broken() -> str:
        raise DataError("broken")

    unreadable = [PageRead(one.file, one.image, broken) for one in read]
    assert flags(judged(few, image=image_of(FOURTH_TRUTH), read=lambda: unreadable)) == []
    read[0].file.unlink()
    assert flags(judged(few, image=image_of(FOURTH_TRUTH), read=lambda: read)) == []


def test_an_answer_as_long_as_the_others_is_not_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[Path] = []
    monkeypatch.setattr(guards_module, "pieces_of_lines", lambda path: measured.append(path) or 0)
    read = read_pages(tmp_path, 2, 3, 5, 6)
    judged(truth(FOURTH_TRUTH), image=image_of(FOURTH_TRUTH), read=lambda: read)
    assert measured == []
    guards_module._pieces_once.cache_clear()
    judged(a_third_of(FOURTH_TRUTH), image=image_of(FOURTH_TRUTH), read=lambda: read)
    assert measured == [image_of(FOURTH_TRUTH)]  # it has no print: no need to look at the others
    guards_module._pieces_once.cache_clear()


@pytest.mark.parametrize(
    ("others", "at_least"),
    [
        ([], None),
        ([(900, 300)] * (LEAST_PAGES - 1), None),
        ([(20, LEAST_PIECES - 1)] * 9, None),  # pictures with a word below
        ([(900, 300)] * LEAST_PAGES + [(5, 40)] * 9, 1.2 * 100),  # and prose between them
        ([(900, 300)] * 6 + [(300, 300)] * 3, 0.6 * 100),  # songs and prose
        ([(900, 300)] * 8 + [(100, 300)], 1.2 * 100),  # one that was read badly as well
    ],
)
def test_what_is_expected_is_what_the_book_has(
    others: list[tuple[int, int]], at_least: float | None
) -> None:
    expected = letters_expected(100, others)
    assert (expected and round(expected.at_least)) == at_least
