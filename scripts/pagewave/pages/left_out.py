"""What lies in the tree of pages and is not read, and why: nothing is left out without a word."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from pagewave.levels import Levels
from pagewave.pages.scan_names import IMAGE_SUFFIXES, split_name
from pagewave.wording import count, few

SHOWN_NAMES = 5
SHOWN_IMAGES = 2


def not_read(ignored: Sequence[Path], tree: Path, levels: Levels) -> list[str]:
    """A line for each reason why something is no page, with what to do.

    Args:
        ignored: what was found in the tree and names no page (`Dataset.ignored`).
        tree: the folder of labels, or with `labels: all` that of scans.
        levels: what its folders are called.
    """
    deep: list[Path] = []
    nameless: list[Path] = []
    elsewhere: list[Path] = []
    others: list[Path] = []
    for path in ignored:
        parts = path.relative_to(tree).parts
        if len(parts) == len(levels) + 1 and not path.name.startswith(".") and path.is_dir():
            deep.append(path)
        elif path.name.startswith(".") or split_name(path.name)[1] not in IMAGE_SUFFIXES:
            others.append(path)
        elif len(parts) == len(levels) + 1:
            nameless.append(path)
        else:
            elsewhere.append(path)
    lines = []
    if nameless:
        whose = "its name tells" if len(nameless) == 1 else "their names tell"
        lines.append(
            f"{_images(nameless)}, {whose} no page. Name each by its page's number, such as 12.jpg"
        )
    if elsewhere:
        lines.append(
            f"{_images(elsewhere)}, not in a book's folder. Move each to {tree}/{levels.pattern}"
        )
    if deep:
        lie = "lies" if len(deep) == 1 else "lie"
        lines.append(
            f"{count(len(deep), 'folder')} ({few(list(map(str, deep)), SHOWN_IMAGES)}) {lie} in a "
            f"book's, and books have none: paths.levels wants {levels.form}"
        )
    if others:
        are = "are no labels" if len(others) > 1 else "is no label"
        lines.append(f"{few([str(path) for path in others], SHOWN_NAMES)} {are} and left alone.")
    return lines


def _images(paths: Sequence[Path]) -> str:
    """How many in how many folders, and the first of them."""
    folders: dict[Path, list[str]] = defaultdict(list)
    for path in paths:
        folders[path.parent].append(path.name)
    names = few([path.name for path in paths], SHOWN_IMAGES)
    return f"{count(len(paths), 'image')} in {count(len(folders), 'folder')} ({names})"
