"""What several test files share."""

import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings

from helpers.embedded_process import EmbeddedProcess

# What a shell starts in the background ignores Ctrl-C, and so would all that tests start.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The same random cases in every run; `--hypothesis-profile=long` for more of them.
settings.register_profile(
    "usual",
    max_examples=200,
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
    print_blob=True,
)
usual = settings.get_profile("usual")
settings.register_profile("long", usual, max_examples=2000)
settings.load_profile("usual")


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
