"""Page files changed by hand, as a person does it in an editor, and what becomes of them."""

import json
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from typing import Any

from helpers.library import Library
from pagewave.config.settings import load_settings
from pagewave.ledger import Ledger
from pagewave.pages.corrections import Corrections
from pagewave.pages.dataset import scan

WORD = "by a person's hand"
"""What `edit` writes, and nothing else says."""
FIELD = "raw_ocr.text_blocks[0].text"
"""Where it writes it."""


def edit(library: Library, key: str, word: str = WORD) -> Any:
    """Put a word at the end of the page's first block; returns what the page says then."""
    page = json.loads(library.page_file(key).read_text(encoding="utf-8-sig"))
    page["raw_ocr"]["text_blocks"][0]["text"] += f" {word}" if word == word.strip() else word
    save(library, key, page)
    return page


def save(
    library: Library,
    key: str,
    page: Any,
    render: Callable[[str], bytes] = str.encode,
) -> None:
    """Write a page's file, indented, as an editor may."""
    text = json.dumps(page, indent=2, ensure_ascii=False)
    library.page_file(key).write_bytes(render(text))


def put(library: Library, key: str, value: Any = None) -> Any:
    """What `pagewave review` does with a page: a word more at its end, unless a value is given."""
    if value is None:
        value = on_file(library, key)
        value["raw_ocr"]["text_blocks"][0]["text"] += f" {WORD}"
    with chdir(library.root):
        settings = load_settings(library.config, library.root)
        ledger = Ledger.peek(library.state / "ledger.sqlite")
        Corrections(settings.paths, ledger).put(scan(settings).page(key), value, by="Ann")
        ledger.close()
    return value


def break_json(library: Library, key: str) -> bytes:
    """Leave a comma too many at the page's end (line 3, column 1); returns the file's content."""
    text = json.dumps(json.loads(library.page_file(key).read_text(encoding="utf-8")))
    broken = f"{text[:-1]}\n,\n}}".encode()
    library.page_file(key).write_bytes(broken)
    return broken


def correction_file(library: Library, key: str) -> Path:
    """Where a page's correction is kept."""
    path = library.page_file(key).relative_to(library.root / "results/pages")
    return library.root / "corrections" / path


def correction(library: Library, key: str) -> dict[str, Any]:
    """A page's correction."""
    return dict(json.loads(correction_file(library, key).read_text(encoding="utf-8")))


def on_file(library: Library, key: str) -> Any:
    """What a page's file says."""
    return json.loads(library.page_file(key).read_text(encoding="utf-8-sig"))
