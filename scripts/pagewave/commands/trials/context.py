"""What a tried prompt is told of the previous page: what the workflow would tell it now."""

from typing import NamedTuple

from pagewave.pages.dataset import Page
from pagewave.workspace import Workspace


class Context(NamedTuple):
    """`text` is None where nothing is told; `unread` is the previous page that has no file yet."""

    text: str | None
    unread: Page | None

    @property
    def told(self) -> str:
        """In words, what the prompt is told."""
        if self.text is not None:
            return "the previous page's file"
        if self.unread is None:
            return "nothing: the page is the first of its chain"
        return f"nothing: the previous page, {self.unread.key}, has not been read yet"


def context_of(workspace: Workspace, page: Page) -> Context:
    """The context of a page; raises DataError when the previous page's file is damaged."""
    before = workspace.dataset.previous(page)
    if before is not None and not (
        workspace.page_file(before).exists() or workspace.corrections.file(before).exists()
    ):
        return Context(None, before)
    return Context(workspace.previous_context(page), None)
