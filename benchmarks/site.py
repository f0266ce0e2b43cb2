"""What the reading room costs, and how quickly it answers.

Books are made up: pages of words with the frequencies of a language and a reader's errors, so that
there are as many different words as in old prints, and drawn scans of 1,700 x 2,600 pixels. Times
are those of the exporter alone, in this process; the browser is Chromium, and loads from disk.

    python benchmarks/site.py                a book of 300 pages, scans too
    python benchmarks/site.py --search       10,000 pages in 34 books, without scans
"""

import argparse
import json
import logging
import random
import resource
import sys
import tempfile
import time
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from pagewave.config.settings import load_settings
from pagewave.exports.site.site import Site
from pagewave.pages.dataset import Book, Dataset, Page
from pagewave.prompts.registry import load_prompt

ROOT = Path(__file__).parents[1]
WORDS_A_PAGE, DISTINCT, ERRORS = 480, 60_000, 0.02
SCAN = (1700, 2600)
QUERIES = ("latin", "geometry", "composition rhetoric", "geornetry", "the professor of mathematics")


class Words:
    """Draws words as a language does: few often, most of them seldom; some are misread."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        letters = "etaoinshrdlucmfwypvbgkqjxz"
        shares = [1 / (n + 3) for n in range(26)]
        real = [word for query in QUERIES for word in query.split() if word != "geornetry"]
        made = {
            "".join(self._random.choices(letters, shares, k=self._random.randint(3, 11)))
            for _ in range(DISTINCT)
        }
        self._words = [*real, *sorted(made)]
        self._random.shuffle(self._words)
        self._sums = list(accumulate(1 / (n + 2.7) for n in range(len(self._words))))

    def text(self) -> str:
        """A page's text, in lines of ten words."""
        words = self._random.choices(self._words, cum_weights=self._sums, k=WORDS_A_PAGE)
        words = [self._misread(w) if self._random.random() < ERRORS else w for w in words]
        return "\n".join(" ".join(words[n : n + 10]) for n in range(0, len(words), 10))

    def _misread(self, word: str) -> str:
        place = self._random.randrange(len(word))
        return word[:place] + self._random.choice("clrnifts") + word[place + 1 :]


def page_of(text: str) -> dict[str, Any]:
    """An answer of page_ocr with this text and twelve courses."""
    words = text.split()
    course = {"level": "Freshman Year", "term": "First Term", "description": None, "topics": None}
    course |= {"instructors": None, "textbooks": [], "department": words[0]}
    block = {"block_id": 1, "position": "top", "text": text, "font_style": "regular"}
    info = {"page_number": words[1], "is_complete_page": True, "content_type": "courses"}
    return {
        "raw_ocr": {"text_blocks": [block], "layout_description": "One column."},
        "page_info": info,
        **dict.fromkeys(("school_name", "catalog_year", "academic_year")),
        "courses": [course | {"course_name": " ".join(words[n : n + 2])} for n in range(12)],
    }


def put_book(folder: Path, book: Book, words: Words) -> None:
    """Write a book's file as pagewave does."""
    provenance = {"engine": "gemini", "model": "m", "flags": [], "attempt": 1}
    pages = [
        {
            "number": page.number,
            "key": page.key,
            "provenance": provenance,
            "corrected": False,
            "page": page_of(words.text()),
        }
        for page in book.pages
    ]
    file = folder / book.id / "book.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    content = {"pages": pages, "missing": []}
    file.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")


@cache
def _printed() -> Image.Image:
    """Paper with grain, and lines of print."""
    rand = random.Random(1)
    paper = Image.effect_noise(SCAN, 10).point(lambda value: 150 + value // 2)
    scan = Image.merge("RGB", (paper, paper.point(lambda v: v - 9), paper.point(lambda v: v - 34)))
    pen = ImageDraw.Draw(scan)
    for line in range(46):
        at = 160
        while at < SCAN[0] - 260:
            width = rand.randint(40, 170)
            for x in range(at, at + width, 17):
                pen.ellipse((x, 170 + line * 48, x + 11, 170 + line * 48 + 22), "#2d2620", width=4)
            at += width + 24
    return scan


def draw(file: Path, number: int) -> None:
    """A scan with a number of its own."""
    scan = _printed().copy()
    ImageDraw.Draw(scan).text((800, 60), str(number), "#2d2620", font_size=60)
    scan.save(file, quality=88)


def timed(what: str, call: Any) -> float:
    """Call it, and print what it took."""
    began, on_clock = time.process_time(), time.monotonic()
    call()
    seconds = time.process_time() - began
    print(f"{what}: {seconds:.2f} s of one core, {time.monotonic() - on_clock:.2f} s", flush=True)
    return seconds


def search_in_browser(index: Path, queries: tuple[str, ...]) -> None:
    """How long the index takes to be loaded, and each query to be answered."""
    sys.path.append(str(ROOT / "tests"))
    from helpers.browser import browser
    from helpers.embedded_process import wait_for

    with browser() as page:
        page.open(index.as_uri())
        wait_for(lambda: page.text("#summary"))
        navigation = "performance.getEntriesByType('navigation')[0].loadEventEnd"
        paint = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? -1"
        print(f"first page: painted {page.js(paint):.0f} ms, loaded {page.js(navigation):.0f} ms")
        load = "(async () => { const t = performance.now(); await theFinder(); "
        print(f"index loaded: {page.js(load + 'return performance.now() - t })()'):.0f} ms")
        words = page.js("finder.words.length")
        print(f"different words: {words:,}, shards: {page.js('finder.shards.length')}")
        for query in queries:
            find = f"const found = await finder.find({json.dumps(query)}); "
            ask = f"(async () => {{ const t = performance.now(); {find}"
            ask += "return [performance.now() - t, found.hits.length] })()"
            (took, hits), (again, _) = page.js(ask), page.js(ask)
            print(f"  {query!r}: {hits} pages in {took:.0f} ms, again {again:.0f} ms")


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--search", action="store_true")
    parser.add_argument("--pages", type=int)
    given = parser.parse_args()
    total = given.pages or (10_000 if given.search else 300)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "scans").mkdir()
        paths = {"image_source_dir": str(folder / "scans"), "output_dir": str(folder / "pages")}
        paths |= {f"{kind}_dir": str(folder / kind) for kind in ("books", "site")}
        settings = load_settings({"paths": paths, "filters": {"labels": "all"}}, folder)
        model = load_prompt(ROOT / "prompts", "page_ocr", "v1.1.jinja").page_model
        words, books = Words(1), []
        for first in range(0, total, 300):
            place = ("Ohio", "Elm", str(1800 + first // 300))
            numbers = range(1, min(300, total - first) + 1)
            scans = [folder / f"scans/{n}.jpg" for n in numbers]
            book = Book(
                place, tuple(Page(place, n, s) for n, s in zip(numbers, scans, strict=True))
            )
            put_book(folder / "books", book, words)
            books.append(book)
        if not given.search:
            for number in range(1, min(total, 300) + 1):
                draw(folder / f"scans/{number}.jpg", number)
        dataset = Dataset(tuple(books))
        site = Site(settings, dataset, model)
        print(f"{total} pages in {len(books)} books; expected: {site.size}")

        def all_books() -> None:
            for book in books:
                site.write_book(book.id)

        logging.disable()  # pages without a scan are told one by one
        timed("all books", all_books)
        timed("shelf and index", site.write)
        files = [file for file in (folder / "site").rglob("*") if file.is_file()]
        size = sum(file.stat().st_size for file in files)
        index = sum(f.stat().st_size for f in files if "/reading-room/search" in str(f))
        print(f"{len(files)} files, {size / 1e6:.1f} MB; index {index / 1e6:.1f} MB")
        file = folder / "books" / books[0].id / "book.json"
        content = json.loads(file.read_text())
        content["pages"][0]["page"] = page_of(words.text())
        file.write_text(json.dumps(content))

        def one_changed() -> None:
            site.write_book(books[0].id)
            site.write()

        timed("one page changed", one_changed)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"peak memory {memory:.0f} MB")
        search_in_browser(folder / "site/index.html", QUERIES)


if __name__ == "__main__":
    main()
