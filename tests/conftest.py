"""What several test files share."""

from collections.abc import Iterator

import pytest
from embedded_process import EmbeddedProcess


@pytest.fixture(scope="session")
def echo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedProcess]:
    """One server with the echo reader for all tests that tell its events apart by their keys."""
    state = tmp_path_factory.mktemp("echo") / "state"
    with EmbeddedProcess(state, "--file-seconds", "0.01") as server:
        yield server


@pytest.fixture
def quiet_server(echo_server: EmbeddedProcess) -> Iterator[EmbeddedProcess]:
    """The same without faults, before the test and after it."""
    echo_server.set_faults([])
    yield echo_server
    echo_server.set_faults([])
