"""How politely files are asked for: pauses are asked of the clock here, and not waited for."""

import email.utils
import threading
import time
from pathlib import Path

import pytest

from helpers.image_server import ImageServer, picture
from pagewave.config.data import Fetch
from pagewave.remote.web import FetchError, Web


class Patience(threading.Event):
    """Notes how long it would have waited."""

    def __init__(self) -> None:
        super().__init__()
        self.pauses: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        """Returns at once."""
        if timeout:
            self.pauses.append(timeout)
        return self.is_set()


def pauses(troubles: list[str], retry_after: str, folder: Path, **settings: float) -> list[float]:
    """The pauses that fetching an image takes, but for those that keep the rate."""
    given = {"max_requests_per_second": 100, "retry_pause_seconds": 2.0, **settings}
    patience = Patience()
    with ImageServer(1) as server:
        server.troubles, server.retry_after = {1: troubles}, retry_after
        Web(Fetch.model_validate(given), patience).fetch(f"{server.url}/image/1.jpg", folder / "1")
    assert (folder / "1").read_bytes() == picture(1)
    return [pause for pause in patience.pauses if pause > 0.5]


def test_a_pause_doubles_and_is_at_least_what_the_server_asks_for(tmp_path: Path) -> None:
    assert pauses(["500", "cut", "429"], "30", tmp_path) == [2, 4, 30]
    assert pauses(["503"], "a while", tmp_path) == [2]
    assert pauses(["503"], "86400", tmp_path) == [3600]
    [pause] = pauses(["503"], email.utils.formatdate(time.time() + 600, usegmt=True), tmp_path)
    assert 500 < pause < 601


def test_requests_keep_the_rate_also_where_nothing_fails(tmp_path: Path) -> None:
    patience = Patience()
    with ImageServer(3) as server:
        web = Web(Fetch(max_requests_per_second=0.01), patience)
        for number in (1, 2, 3):
            web.fetch(f"{server.url}/image/{number}.jpg", tmp_path / str(number))
    assert [round(pause, -1) for pause in patience.pauses] == [100, 200]


def test_a_server_that_says_nothing_is_not_waited_for_without_end(tmp_path: Path) -> None:
    with ImageServer(1) as server:
        server.held_after = 0
        web = Web(Fetch(timeout_seconds=0.2, max_attempts=2), Patience())
        with pytest.raises(FetchError, match="does not answer in time, each of 2 times") as caught:
            web.fetch(f"{server.url}/image/1.jpg", tmp_path / "1")
    assert caught.value.may_pass


@pytest.mark.parametrize(
    ("trouble", "words"),
    [("404", "is not there"), ("410", "gone for good"), ("401", "login"), ("418", "answered with")],
)
def test_a_definite_no_is_taken_at_once(tmp_path: Path, trouble: str, words: str) -> None:
    with ImageServer(1) as server:
        server.troubles = {1: [trouble]}
        with pytest.raises(FetchError, match=words) as caught:
            Web(Fetch(), Patience()).fetch(f"{server.url}/image/1.jpg", tmp_path / "1")
        assert server.images_asked == {1: 1}
    assert not caught.value.may_pass
