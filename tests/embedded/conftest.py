"""The shared server under the name that tests of faults have for it, and the unmodified client."""

import pytest
from google import genai

from helpers.embedded_process import EmbeddedProcess, client_of


@pytest.fixture
def server(quiet_server: EmbeddedProcess) -> EmbeddedProcess:
    """The server, without faults before and after the test."""
    return quiet_server


@pytest.fixture(scope="module")
def client(echo_server: EmbeddedProcess) -> genai.Client:
    """The unmodified client."""
    return client_of(echo_server)
