"""What a prompt's `page.py` derives its class `Page` from: the one thing that users import."""

from abc import ABC, abstractmethod
from typing import Literal

from pydantic import BaseModel


class PageModel(BaseModel, ABC):
    """The shape of a page's answer; `prompts/<name>/page.py` derives its class `Page` from it."""

    @abstractmethod
    def text(self) -> str:
        """The full text of the page, in reading order."""

    @abstractmethod
    def context(self) -> str:
        """What the prompt of the next page is told about this one."""

    def declared(self) -> Literal["blank", "unreadable"] | None:
        """What the answer calls its page, where it says that there is nothing to read."""
        return None
