"""`prompt.context: none`: each page by itself, in as few and as full batches as may be."""

import re
from collections import Counter
from pathlib import Path

from helpers.library import Library

BOOKS = {"Ohio/Ashgrove/1852": 5, "Vermont/Linden/1866": 2}
KEYS = [f"{book.replace('/', ':')}:{n}" for book, last in BOOKS.items() for n in range(1, last + 1)]
APART = {"context": "none"}


def test_pages_that_are_told_nothing_fill_as_few_batches_as_may_be(tmp_path: Path) -> None:
    with Library(tmp_path, BOOKS, execution={"batch_size_limit": 4}, prompt=APART) as library:
        look = library.run("-n", "--verbose")
        assert "prompt.context is none: pages are told nothing of the page before" in look
        assert sorted(re.findall(r"lane (\d) wave (\d): (\d) pages", look)) == [
            ("1", "1", "4"),
            ("2", "1", "3"),
        ]
        library.run()
        batches = [batch["keys"] for batch in library.events("create")]
        assert sorted(map(len, batches)) == [3, 4]
        assert library.inferences() == Counter(KEYS)
        assert all("Read after: nothing" in library.text(key) for key in KEYS)
        assert all(library.has_book(book) for book in BOOKS)
        library.configure(prompt={"context": "previous_page"})
        assert "Nothing to be done" in library.run()


def test_what_is_asked_alike_is_not_paid_for_again(tmp_path: Path) -> None:
    with Library(tmp_path, BOOKS) as library:
        library.run()
        for key in KEYS:
            library.page_file(key).unlink()
        library.configure(prompt=APART)
        library.run()
        first = {key for key in KEYS if key.endswith(":1")}
        assert library.inferences() == Counter({key: 1 if key in first else 2 for key in KEYS})
        assert all("Read after: nothing" in library.text(key) for key in KEYS)


def test_a_dead_letter_holds_up_no_other_page(tmp_path: Path) -> None:
    died = "Ohio:Ashgrove:1852:2"
    embedded = {"faults": ["blocked:match=1852:2$"]}
    execution = {"max_retries": 1}
    with Library(tmp_path, BOOKS, execution=execution, embedded=embedded, prompt=APART) as library:
        assert "dead letter" in library.run(code=1)
        assert [key for key in KEYS if not library.page_file(key).exists()] == [died]
        assert len(library.events("create")) == 1
        assert library.has_book("Vermont/Linden/1866")
        assert not library.has_book("Ohio/Ashgrove/1852")
