"""The client, over HTTP: whom it talks to, what a refusal means, what it never asks twice."""

import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import pagewave
from helpers.echoing_proxy import EchoingProxy
from helpers.embedded_process import EmbeddedProcess
from helpers.reading import Reading
from pagewave.errors import LedgerError, ServiceError
from pagewave.gemini.calls import Question
from pagewave.gemini.client import Gemini, Payload
from pagewave.gemini.uploads import unused_name
from pagewave.ledger import RunOutcome
from pagewave.redaction import HIDDEN, remember_key

PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
CONTENTS = [{"parts": [{"text": "?"}, {"inlineData": {"mimeType": "image/jpeg", "data": ""}}]}]
QUESTION = Question(
    "a model",
    {"contents": CONTENTS, "generationConfig": {"responseSchema": {"type": "OBJECT"}}},
    image=b"none",
    tier="flex",
    seconds=60.0,
)


@pytest.fixture
def gemini(quiet_server: EmbeddedProcess) -> Gemini:
    """A client of the embedded server."""
    return Gemini(
        quiet_server.token,
        threading.Event(),
        base_url=quiet_server.base_url,
        timeout_seconds=2.0,
        backoff_seconds=0.01,
    )


def closed_port() -> int:
    """A port at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_embedded_server_is_not_asked_through_a_proxy(
    tmp_path: Path, quiet_server: EmbeddedProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Universities set one for all; it must see neither token nor pages, nor could it answer."""
    for name in PROXY_VARIABLES:
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
        monkeypatch.setenv(name.lower(), f"http://127.0.0.1:{closed_port()}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 1}, batch={"outage_seconds": 2})
    reading.run()
    reading.check()


def test_a_key_that_is_not_valid_ends_the_run_and_is_no_fault_of_the_images(
    tmp_path: Path, quiet_server: EmbeddedProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Google says so with code 400, as it does of a file that it can't take."""
    words = "API key not valid. Please pass a valid API key."
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 1, "Oak/1850": 1})
    with EchoingProxy("", words, refusal=400) as service, monkeypatch.context() as patch:
        patch.setattr(quiet_server, "base_url", service.url)
        with pytest.raises(ServiceError, match=r"API key not valid.* Check GEMINI_API_KEY"):
            reading.run()
    assert not reading.failures()


# Without a batch


def test_without_a_begun_run_a_session_looks_and_sends_nothing(
    tmp_path: Path, quiet_server: EmbeddedProcess
) -> None:
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 1})
    session = reading.session
    image = session.images.inspect(next(iter(session.dataset.pages)))[0]

    def calls() -> list[Callable[[], object]]:
        client = session.client
        return [
            lambda: client.upload(
                Payload.of(image.read_bytes()), image, "image/jpeg", "an image", 1.0, unused_name
            ),
            lambda: client.create("a model", "files/none", f"{reading.state}-batch"),
            lambda: client.ask(QUESTION),
        ]

    for send in calls():
        with pytest.raises(LedgerError, match="no run was begun"):
            send()
    assert session.client.find_batches(f"{reading.state}-batch") == []
    session.ledger.runs.start("a run", session.engine, "a model", [], [])
    assert calls()[0]()
    session.ledger.runs.end("a run", RunOutcome.OK)
    for send in calls():
        with pytest.raises(LedgerError, match="no run was begun"):
            send()


def test_only_sessions_make_clients() -> None:
    """They ask the ledger for a begun run; a client made elsewhere would not."""
    package = Path(pagewave.__file__).parent
    makers = [path.name for path in package.rglob("*.py") if "= Gemini(" in path.read_text()]
    makers += [path.name for path in package.rglob("*.py") if "return Gemini(" in path.read_text()]
    assert makers == ["session.py"]


# Files and batches


@pytest.mark.parametrize("code", [403, 404])
def test_a_file_that_is_not_there_is_told_with_either_code(
    tmp_path: Path, quiet_server: EmbeddedProcess, gemini: Gemini, code: int
) -> None:
    """Google says 403 of a file that was deleted: it might be somebody else's."""
    quiet_server.set_faults([f"http-error:code={code},match=files"])
    assert gemini.file("files/gone") is None
    assert not gemini.download("files/gone", tmp_path / "results.jsonl")
    assert list(tmp_path.iterdir()) == []


def test_a_batch_is_told_by_its_names_and_its_model(
    tmp_path: Path, quiet_server: EmbeddedProcess, gemini: Gemini
) -> None:
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 1})
    reading.run()
    [batch] = reading.session.ledger.batches.all()
    assert batch.name
    remote = gemini.get(batch.name)
    assert remote
    assert (remote.name, remote.display_name) == (batch.name, batch.display_name)
    assert (remote.model, remote.state) == (batch.model, "SUCCEEDED")
    assert remote.created_at and remote.ended_at
    assert remote.created_at <= remote.ended_at
    assert remote in gemini.find_batches(batch.display_name) or remote.result_file


def test_a_key_that_the_service_repeats_in_results_is_hidden_before_they_are_kept(
    tmp_path: Path, quiet_server: EmbeddedProcess, gemini: Gemini
) -> None:
    reading = Reading(tmp_path, quiet_server, {"Elm/1850": 1})
    reading.run()
    [batch] = reading.session.ledger.batches.all()
    assert batch.name
    remote = gemini.get(batch.name)
    assert remote and remote.result_file
    path, said = tmp_path / "results.jsonl", f"Page {reading.keys[0]}."
    assert gemini.download(remote.result_file, path)
    assert said in path.read_text()
    remember_key(said)
    assert gemini.download(remote.result_file, path)
    assert said not in path.read_text()
    assert HIDDEN in path.read_text()
