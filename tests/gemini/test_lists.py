"""Lists of the service, page after page."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from pagewave.errors import ServiceError
from pagewave.gemini.lists import all_of
from pagewave.gemini.retries import Repeating

NEXT = {None: "a", "a": "b", "b": None}


def listed(following: dict[str | None, str | None]) -> list[str]:
    """The entries of a list whose pages follow each other like this; each has its token."""
    asked: list[str | None] = []

    def fetch(config: dict[str, Any]) -> SimpleNamespace:
        token = config["page_token"]
        asked.append(token)
        assert len(asked) < 30, "no end"
        return SimpleNamespace(page=[f"of {token}"], config={"page_token": following[token]})

    calls = Repeating(threading.Event(), backoff_seconds=0.0, outage_seconds=0.0)
    return all_of(calls, fetch, str, "listing", 100)


def test_a_list_has_the_entries_of_all_its_pages() -> None:
    assert listed(NEXT) == ["of None", "of a", "of b"]


def test_a_list_that_goes_round_in_circles_ends_as_trouble_of_the_service() -> None:
    with pytest.raises(ServiceError, match="a list goes round in circles"):
        listed(NEXT | {"b": "a"})
