"""One server for the tests of faults in this folder, and the unmodified client."""

from collections.abc import Iterator

import pytest
from google import genai

from helpers.embedded_process import EmbeddedProcess, client_of


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedProcess]:
    """One server for all tests; `server` clears its faults."""
    with EmbeddedProcess(tmp_path_factory.mktemp("faults") / "state") as process:
        yield process


@pytest.fixture
def server(shared: EmbeddedProcess) -> Iterator[EmbeddedProcess]:
    """The server, without faults before and after the test."""
    shared.set_faults([])
    yield shared
    shared.set_faults([])


@pytest.fixture(scope="module")
def client(shared: EmbeddedProcess) -> genai.Client:
    """The unmodified client."""
    return client_of(shared)
