"""A page that is read in two halves, each by a request of its own: what their lines are called.

A line's key joins it to its page; of a half it says which one. The ledger, the page's file and all
else know the page alone.
"""

UPPER, LOWER = "upper", "lower"
HALVES = (UPPER, LOWER)
FOLDER = "halves"
"""Where in `paths.state_dir` their images are while they are sent."""


def line_key(key: str, half: str | None) -> str:
    """The key of a page's line, or of that of its half, such as `Ohio:Elm:1850:2.upper`."""
    return f"{key}.{half}" if half else key


def split_line_key(key: str) -> tuple[str, str | None]:
    """The page of a line, and which half of it; None: the whole page.

    A page's own key ends with a number, so that no name is mistaken for a half.
    """
    page, _, half = key.rpartition(".")
    return (page, half) if half in HALVES else (key, None)
