"""What it costs to export a book: seconds of one core for each form, and of the largest file.

Pages are those of the sample's truth, with more text and courses: about 3,000 characters and 12
courses each. Nothing is read; the time is that of the exporter alone, in this process, its packages
loaded. The last figure of a form is its time next to that of `csv`.

    python benchmarks/exports.py              a book of 300 pages
    python benchmarks/exports.py 300 10       ten such books
    python benchmarks/exports.py 300 1 csv    some forms alone
"""

import json
import resource
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from pagewave.config.citation import Citation
from pagewave.config.data import Paths
from pagewave.exports.exports import Exports
from pagewave.exports.registry import OF_BOOKS, find_exporters
from pagewave.page_model import PageModel
from pagewave.pages.dataset import Book, Dataset, Page
from pagewave.prompts.registry import load_prompt

ROOT = Path(__file__).parents[1]
CHARACTERS, COURSES = 3000, 12


def pages_of_sample() -> list[dict[str, Any]]:
    """The sample's pages, filled up."""
    files = sorted((ROOT / "resources/sample/truth").rglob("*.json"))
    pages = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    courses = [course for page in pages for course in page["courses"]]
    for number, page in enumerate(pages):
        texts = [block["text"] for block in page.pop("blocks")] or [page["text"]]
        times = 1 + CHARACTERS // (len(page.pop("text")) or 1)
        page["raw_ocr"] = {
            "layout_description": "One column.",
            "text_blocks": [
                {"block_id": n, "position": "top", "text": text, "font_style": "regular"}
                for n, text in enumerate(texts * min(times, 10), 1)
            ],
        }
        page["courses"] = list(islice(cycle(courses), number, number + COURSES))
    return pages


def make_books(folder: Path, page_count: int, book_count: int, model: type[PageModel]) -> Dataset:
    """Write files of books as pagewave does."""
    pages = pages_of_sample()
    books = []
    for year in range(1800, 1800 + book_count):
        place = ("Ohio", "Elm", str(year))
        book = Book(place, tuple(Page(place, n + 1, Path("x")) for n in range(page_count)))
        read = [
            {
                "number": page.number,
                "key": page.key,
                "provenance": {"engine": "gemini", "model": "m", "flags": []},
                "corrected": False,
                "page": model.model_validate(content).model_dump(mode="json"),
            }
            for page, content in zip(book.pages, cycle(pages), strict=False)
        ]
        file = folder / book.id / "book.json"
        file.parent.mkdir(parents=True)
        content = {"pages": read, "missing": []}
        file.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
        books.append(book)
    return Dataset(tuple(books))


def main() -> None:
    """Print a line for each form."""
    page_count, book_count = [*map(int, sys.argv[1:3]), *(300, 1)[len(sys.argv[1:3]) :]]
    names = sys.argv[3:] or list(OF_BOOKS)
    model = load_prompt(ROOT / "prompts", "page_ocr", "v1.1.jinja").page_model
    exporters = find_exporters(names, ROOT)
    for package in {package for each in exporters for package in each.packages}:
        __import__(package)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dataset = make_books(folder / "books", page_count, book_count, model)
        paths = Paths(
            label_source_dir=folder,
            image_source_dir=folder,
            books_dir=folder / "books",
            exports_dir=folder / "exports",
        )
        exports = Exports(paths, dataset, model, exporters, Citation())
        size = sum(file.stat().st_size for file in (folder / "books").rglob("book.json"))
        print(f"{book_count} x {page_count} pages, files of books {size / 1e6:.1f} MB")
        of_csv, total = 0.0, 0.0
        for form in exports.forms:
            began = time.process_time()
            for book in dataset.books if form.is_per_book else [None]:
                exports.write(form.name, book and book.id)
            seconds = time.process_time() - began
            total += seconds
            of_csv = seconds if form.name == "csv" else of_csv
            written = sum(f.stat().st_size for f in form.folder.rglob("*") if f.is_file())
            ratio = f", {seconds / of_csv:.2f} of csv" if of_csv else ""
            print(f"{form.name}: {seconds:.2f} s{ratio}; {written / 1e6:.1f} MB", flush=True)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"all: {total:.2f} s; peak memory {memory:.0f} MB")


if __name__ == "__main__":
    main()
