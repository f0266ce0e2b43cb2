"""The docs as a site, made of the same files that the repository shows:

    sphinx-build --fail-on-warning -c docs . build/docs

The source is the whole repository, as pages link to README, config/README.md and others. What
docs/index.md links to is the site's contents, door by door; a page that it forgets is a warning.
Nothing in the site asks for anything from elsewhere.
"""

import re
from pathlib import Path

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx
from sphinx.highlighting import lexers

project = "pagewave"
project_copyright = "the pagewave authors"
html_title = "pagewave"
html_theme = "furo"
html_show_sourcelink = False
html_copy_source = False

extensions = ["myst_parser"]
root_doc = "docs/index"
include_patterns = [
    *("docs/*.md", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "THIRD_PARTY.md"),
    *("config/README.md", "profiles/README.md", "prompts/*/README.md", "tests/README.md"),
]
myst_heading_anchors = 4
highlight_language = "none"
# Shown as it is written: drawing them takes a script from elsewhere.
lexers["mermaid"] = lexers["cron"] = TextLexer()

DOOR = re.compile(r"^## (.+)$", re.MULTILINE)
PAGE = re.compile(r"\]\(([^)#]+)\.md\)")
FIRST = '<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url={}">'


def setup(app: Sphinx) -> None:
    """Sphinx calls this."""
    app.connect("source-read", add_contents)
    app.connect("build-finished", lead_in)


def add_contents(_: Sphinx, name: str, source: list[str]) -> None:
    """Behind each door of the index, what it links to: the site's navigation."""
    if name != root_doc:
        return
    _, *parts = DOOR.split(source[0])
    doors = zip(parts[::2], parts[1::2], strict=True)
    # README is a page of the first door, though its link leads to a part of it.
    pages = {door: PAGE.findall(text) for door, text in doors}
    first = next(iter(pages))
    pages[first].insert(0, "../README")
    source[0] += "".join(
        f"\n```{{toctree}}\n:hidden:\n:caption: {door}\n\n{chr(10).join(found)}\n```\n"
        for door, found in pages.items()
    )


def lead_in(app: Sphinx, problem: Exception | None) -> None:
    """Who opens the site's folder comes to the index."""
    if problem is None and app.builder.format == "html":
        (Path(app.outdir) / "index.html").write_text(FIRST.format(f"{root_doc}.html"))
