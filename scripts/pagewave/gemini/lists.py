"""Lists of the service, page after page: what was read of one stays when a later page fails."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from pagewave.gemini.retries import PassingTrouble, Refused, Repeating

T = TypeVar("T")


def all_of(
    calls: Repeating,
    fetch: Callable[..., Any],
    made: Callable[[Any], T],
    doing: str,
    page_size: int,
) -> list[T]:
    """The entries of all pages of a list. Each page is asked for, and repeated, by itself.

    Where thousands of entries lie behind many pages, hardly a list would come to its end if it
    began anew with each call that fails.

    Args:
        fetch: one of the client's `list`, called with its config: returns a pager, of which only
            the first page is used. (The pager itself moves on before its page is understood.)
        made: what is made of an entry; may raise PassingTrouble.
        doing: what the list is for, as in "listing the batches".

    Raises:
        ServiceError: the service refuses, or was not there for too long.
    """

    def page(token: str | None) -> tuple[list[T], str | None]:
        pager = fetch(config={"page_size": page_size, "page_token": token})
        return [made(entry) for entry in pager.page], pager.config.get("page_token")

    def read() -> list[T]:
        entries, token = calls.repeat(partial(page, None), doing)
        seen: set[str] = set()
        while token:
            if token in seen:
                raise PassingTrouble("a list goes round in circles")
            seen.add(token)
            try:
                more, token = calls.repeat(partial(page, token), doing)
            except Refused as error:
                # A token has its time. What else is refused, is so when the list begins anew.
                raise PassingTrouble(str(error)) from error
            entries += more
        return entries

    return calls.repeat(read, doing)
