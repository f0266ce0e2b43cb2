"""How a page is shown: its scan beside what was read of it, in the reading room and in the monitor.

Both have the same markup, palette, style and script from here; the reading room copies them. What
is around the page is each one's own.
"""

from functools import cache
from importlib.resources import files

import jinja2
from markupsafe import Markup


@cache
def assets() -> dict[str, bytes]:
    """Styles and scripts that both load, by name."""
    folder = files(__package__) / "assets"
    found = sorted(folder.iterdir(), key=lambda file: file.name)
    return {file.name: file.read_bytes() for file in found}


def markup(*, zoom: bool) -> Markup:
    """The page view, empty, for a page of HTML; `page-view.js` fills it.

    Args:
        zoom: has it tools to look closer at the scan?
    """
    text = (files(__package__) / "page_view.html.jinja").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, trim_blocks=True)
    return Markup(environment.from_string(text).render(zoom=zoom))
