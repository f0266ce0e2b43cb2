"""The embedded server speaks Gemini's protocol: the unmodified google-genai client is the judge."""

import base64
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from google import genai
from google.genai import errors, types
from PIL import Image

from helpers.embedded_process import (
    SCRIPTS,
    EmbeddedProcess,
    client_of,
    result_lines,
    run_batch,
    wait_for,
)
from pagewave.embedded.server import input_file
from pagewave.embedded.server.input_file import LARGEST_FILE, InputFile
from pagewave.embedded.server.wire import BadRecord

MODEL = "gemini-2.5-flash"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedProcess]:
    """One echo server for all tests that leave it as they found it."""
    with EmbeddedProcess(tmp_path_factory.mktemp("server") / "state") as process:
        yield process


@pytest.fixture(scope="module", params=["v1beta", "v1"])
def client(server: EmbeddedProcess, request: pytest.FixtureRequest) -> genai.Client:
    """The client under either API version."""
    return client_of(server, request.param)


def jpeg(width: int, height: int) -> bytes:
    """A grey image."""
    stream = io.BytesIO()
    Image.new("L", (width, height), 128).save(stream, "JPEG")
    return stream.getvalue()


def record(key: str, text: str = "Read this page.", **request: Any) -> dict[str, Any]:
    """A line of an input file, without an image."""
    contents = [{"role": "user", "parts": [{"text": text}]}]
    return {"key": key, "request": {"contents": contents, **request}}


def code_of(info: pytest.ExceptionInfo[errors.APIError]) -> tuple[int, str]:
    """HTTP code and status of a refusal."""
    return info.value.code, str(info.value.status)


def test_a_batch_from_upload_to_download(client: genai.Client, server: EmbeddedProcess) -> None:
    image = client.files.upload(
        file=io.BytesIO(jpeg(800, 400)), config={"mime_type": "image/jpeg", "display_name": "p1"}
    )
    assert image.state == types.FileState.ACTIVE
    assert (image.display_name, image.mime_type) == ("p1", "image/jpeg")
    key = f"{server.stats()['batches']}:b:1900:2"  # the server knows every page that it ever read
    line = record(key, "LAST_500_CHARS:\nPage a:b:1900:1.\nRead after: nothing")
    line["request"]["contents"][0]["parts"].append(
        {"file_data": {"mime_type": "image/jpeg", "file_uri": image.uri}}
    )
    before = server.stats()["inferences"]
    batch = run_batch(client, [line], "one page")
    assert batch.state == types.JobState.JOB_STATE_SUCCEEDED
    assert (batch.display_name, batch.model) == ("one page", f"models/{MODEL}")
    assert batch.create_time and batch.end_time and batch.end_time >= batch.create_time

    [answer] = result_lines(client, batch)
    assert answer["key"] == key
    response = answer["response"]
    # The client's own model refuses fields it does not know.
    typed = types.GenerateContentResponse.model_validate(response)
    assert typed.text is not None
    page = json.loads(typed.text)
    assert page["raw_ocr"]["text_blocks"][0]["text"] == f"Page {key}.\nRead after: a:b:1900:1"
    usage = response["usageMetadata"]
    text = line["request"]["contents"][0]["parts"][0]["text"]
    assert (
        usage["promptTokenCount"] == -(-len(text) // 4) + 8 * 258
    )  # 800x400: 4 x 2 tiles of 266 px
    assert usage["candidatesTokenCount"] == -(-len(typed.text) // 4)
    assert server.stats()["inferences"] == before + 1


def test_the_echo_reader_says_which_reading_of_a_page_it_is(tmp_path: Path) -> None:
    """So tests can tell an answer from the one that a page had before."""
    first = "Page a:b:1900:1.\nRead after: nothing"
    with EmbeddedProcess(tmp_path / "state") as server:
        assert texts_of_a_batch(server) == {"1": first, "2": first.replace(":1.", ":2.")}
        assert texts_of_a_batch(server)["1"] == f"{first}\nReading 2."
        server.set_faults(["blocked:match=:1$"])
        assert texts_of_a_batch(server)["1"] == ""  # and paid for
        server.restart()
        again = texts_of_a_batch(server)
        assert again["1"] == f"{first}\nReading 4."
        assert again["2"].endswith("\nReading 4.")


def texts_of_a_batch(server: EmbeddedProcess) -> dict[str, str]:
    """What a batch of pages 1 and 2 brings; "" where an answer has no text."""
    client = client_of(server)
    batch = run_batch(client, [record("a:b:1900:1"), record("a:b:1900:2")], "readings")
    texts = {}
    for line in result_lines(client, batch):
        text = types.GenerateContentResponse.model_validate(line["response"]).text
        blocks = json.loads(text)["raw_ocr"]["text_blocks"] if text else [{"text": ""}]
        texts[line["key"].rpartition(":")[2]] = blocks[0]["text"]
    return texts


def test_results_come_in_another_order_the_same_every_time(
    client: genai.Client, tmp_path: Path
) -> None:
    records = [record(f"a:b:1900:{page}") for page in range(20)]
    orders = []
    for _ in range(2):
        batch = run_batch(client, records, "shuffled")
        orders.append([line["key"] for line in result_lines(client, batch)])
    assert orders[0] == orders[1]
    assert orders[0] != [line["key"] for line in records]
    assert sorted(orders[0]) == sorted(line["key"] for line in records)


def test_wire_form_of_an_operation(client: genai.Client, server: EmbeddedProcess) -> None:
    batch = run_batch(client, [record("a:b:1900:1")], "raw")
    raw = server.request("GET", f"/v1beta/{batch.name}").json()
    metadata = raw["metadata"]
    assert raw["name"] == metadata["name"] == batch.name
    assert raw["done"] is True
    assert metadata["state"] == "BATCH_STATE_SUCCEEDED"
    # int64s are strings, zero counts are left out
    assert metadata["batchStats"] == {"requestCount": "1", "successfulRequestCount": "1"}
    responses_file = metadata["output"]["responsesFile"]
    assert raw["response"]["responsesFile"] == responses_file
    assert len(responses_file.removeprefix("files/")) == 42


def test_result_file_cannot_be_deleted(client: genai.Client) -> None:
    batch = run_batch(client, [record("a:b:1900:1")], "undeletable")
    assert batch.dest and batch.dest.file_name
    with pytest.raises(errors.ClientError) as refused:
        client.files.delete(name=batch.dest.file_name)
    assert code_of(refused) == (400, "INVALID_ARGUMENT")
    assert result_lines(client, batch)


def test_an_upload_of_several_chunks(client: genai.Client) -> None:
    data = os.urandom(17 * 1024 * 1024)
    file = client.files.upload(file=io.BytesIO(data), config={"mime_type": "text/plain"})
    assert file.size_bytes == len(data)
    assert file.state in (types.FileState.PROCESSING, types.FileState.ACTIVE)
    assert file.name
    client.files.delete(name=file.name)


def test_a_chunk_sent_again_counts_once(server: EmbeddedProcess) -> None:
    opened = server.request(
        "POST",
        "/upload/v1/files",
        json={"file": {"mime_type": "text/plain"}},
        headers={
            "x-goog-api-key": server.token,
            "X-Goog-Upload-Protocol": "resumable",
            "X-Goog-Upload-Command": "start",
            "X-Goog-Upload-Header-Content-Length": "6",
        },
    )
    url = opened.headers["X-Goog-Upload-URL"]
    assert url.startswith(server.base_url)

    def send(command: str, offset: int, data: bytes) -> Any:
        headers = {"X-Goog-Upload-Command": command, "X-Goog-Upload-Offset": str(offset)}
        return server.request("POST", url, headers=headers, content=data)

    assert send("upload", 3, b"def").status_code == 400  # a gap
    for _ in range(2):
        assert send("upload", 0, b"abc").headers["X-Goog-Upload-Status"] == "active"
    replies = [send("upload, finalize", 3, b"def") for _ in range(2)]
    assert [reply.headers["X-Goog-Upload-Status"] for reply in replies] == ["final", "final"]
    assert replies[0].json()["file"]["name"] == replies[1].json()["file"]["name"]
    assert replies[0].json()["file"]["sizeBytes"] == "6"


def test_files_are_listed_got_and_deleted(client: genai.Client) -> None:
    config: Any = {"mime_type": "image/png"}
    names = [client.files.upload(file=io.BytesIO(b"x"), config=config).name or "" for _ in range(5)]
    listed = [file.name for file in client.files.list(config={"page_size": 2})]
    assert listed[:5] == names[::-1]
    assert client.files.get(name=names[0]).sha256_hash
    for name in names:
        client.files.delete(name=name)
    for call in (client.files.get, client.files.delete):
        with pytest.raises(errors.ClientError) as refused:
            call(name=names[0])
        assert code_of(refused) == (403, "PERMISSION_DENIED")


def test_a_file_name_is_given_once(client: genai.Client) -> None:
    config: Any = {"mime_type": "image/png", "name": "my-page"}
    assert client.files.upload(file=io.BytesIO(b"x"), config=config).name == "files/my-page"
    with pytest.raises(errors.ClientError) as refused:
        client.files.upload(file=io.BytesIO(b"x"), config=config)
    assert code_of(refused) == (409, "ALREADY_EXISTS")
    client.files.delete(name="files/my-page")


def test_uploaded_files_cannot_be_downloaded(client: genai.Client) -> None:
    file = client.files.upload(file=io.BytesIO(b"x"), config={"mime_type": "image/png"})
    with pytest.raises(errors.ClientError) as refused:
        client.files.download(file=file.name or "")
    assert code_of(refused) == (400, "FAILED_PRECONDITION")


def test_batches_are_listed_in_pages_and_deleted(client: genai.Client) -> None:
    made = [run_batch(client, [record("a:b:1900:1")], f"listed {n}") for n in range(5)]
    pager = client.batches.list(config={"page_size": 2})
    assert [batch.name for batch in pager][:5] == [batch.name for batch in reversed(made)]
    for batch in made:
        client.batches.delete(name=batch.name or "")
    for call in (client.batches.get, client.batches.cancel, client.batches.delete):
        with pytest.raises(errors.ClientError) as refused:
            call(name=made[0].name or "")
        assert code_of(refused) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b"{", "not JSON"),
        (b'{"key": "k"}', '"request"'),
        (b'{"key": "k", "request": {"config": {}}}', '"config"'),
        (b'{"key": "k", "request": {"generation_config": {"heat": 1}}}', '"heat"'),
        (b"", "no requests"),
    ],
)
def test_a_line_google_would_refuse_fails_the_job(
    client: genai.Client, server: EmbeddedProcess, line: bytes, complaint: str
) -> None:
    batch = run_batch(client, line, "bad line")
    assert batch.state == types.JobState.JOB_STATE_FAILED
    assert batch.dest is None
    error = server.request("GET", f"/v1/{batch.name}").json()["error"]
    assert error["code"] == 3
    assert complaint in error["message"]


def test_a_missing_image_is_an_error_line(client: genai.Client, server: EmbeddedProcess) -> None:
    line = record("a:b:1900:1")
    line["request"]["contents"][0]["parts"].append({"fileData": {"fileUri": "files/gone"}})
    batch = run_batch(client, [line, record("a:b:1900:2")], "missing image")
    assert batch.state == types.JobState.JOB_STATE_SUCCEEDED
    lines = {line["key"]: line for line in result_lines(client, batch)}
    assert lines["a:b:1900:1"]["error"]["code"] == 7
    assert "response" in lines["a:b:1900:2"]
    stats = server.request("GET", f"/v1/{batch.name}").json()["metadata"]["batchStats"]
    assert stats["failedRequestCount"] == "1"


def test_images_inside_of_requests_are_read_as_uploaded_ones_are(
    client: genai.Client, server: EmbeddedProcess
) -> None:
    """By what they are said to take; however they are spelt."""
    image = jpeg(2000, 1000)
    file = client.files.upload(file=io.BytesIO(image), config={"mime_type": "image/jpeg"})
    parts = {
        "a:b:1900:1": {"fileData": {"mimeType": "image/jpeg", "fileUri": file.uri}},
        "a:b:1900:2": {
            "inlineData": {"mimeType": "image/jpeg", "data": base64.b64encode(image).decode()}
        },
        "a:b:1900:3": {
            "inline_data": {
                "mime_type": "image/jpeg",
                "data": base64.urlsafe_b64encode(image).decode(),
            }
        },
    }
    records = [record(key) for key in parts]
    for line in records:
        line["request"]["contents"][0]["parts"].append(parts[line["key"]])
    lines = result_lines(client, run_batch(client, records, "inside"))
    counts = [line["response"]["usageMetadata"]["promptTokenCount"] for line in lines]
    assert len(counts) == 3
    assert len(set(counts)) == 1 and counts[0] > 1000


def test_an_input_file_that_goes_ends_no_batch_that_has_begun(
    client: genai.Client, server: EmbeddedProcess
) -> None:
    server.set_faults(["record-slow:match=^slow:,seconds=0.3"])
    records = [record(f"slow:b:1900:{number}") for number in range(6)]
    job = run_batch(client, records, "its file goes", wait=False)
    told = server.request("GET", f"/v1/{job.name}").json()["metadata"]
    client.files.delete(name=told["inputConfig"]["fileName"])
    wait_for(lambda: client.batches.get(name=job.name or "").end_time)
    server.set_faults([])
    assert len(result_lines(client, client.batches.get(name=job.name or ""))) == 6


def test_a_batch_tells_how_many_of_its_requests_are_done_while_it_runs(
    client: genai.Client, server: EmbeddedProcess
) -> None:
    keys = [f"{len(server.log())}:b:1900:{number}" for number in range(1, 4)]
    server.set_faults([f"record-error:match=^{keys[0]}$", "batch-hold:seconds=600"])
    job = run_batch(client, [record(key) for key in keys], "half way", wait=False)

    def told() -> dict[str, str]:
        reply = server.request("GET", f"/v1/{job.name}").json()
        return dict(reply["metadata"]["batchStats"])

    wait_for(lambda: "pendingRequestCount" not in told())
    done = {"requestCount": "3", "successfulRequestCount": "2", "failedRequestCount": "1"}
    assert told() == done
    server.set_faults([])
    server.request("POST", f"/v1/{job.name}:cancel").raise_for_status()
    assert told() == done


def test_files_and_requests_have_the_sizes_that_google_takes(
    server: EmbeddedProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = {
        "x-goog-api-key": server.token,
        "x-goog-upload-command": "start",
        "x-goog-upload-header-content-length": str(LARGEST_FILE + 1),
    }
    path = "/upload/v1beta/files"
    reply = server.request("POST", path, headers=headers, json={"file": {}})
    assert (reply.status_code, reply.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert "exceeds the maximum" in reply.json()["error"]["message"]
    headers["x-goog-upload-header-content-length"] = str(LARGEST_FILE)
    assert server.request("POST", path, headers=headers, json={"file": {}}).status_code == 200

    line = json.dumps(record("a:b:1900:1")).encode() + b"\n"
    requests = tmp_path / "requests.jsonl"
    requests.write_bytes(line + line)
    monkeypatch.setattr(input_file, "LARGEST_REQUEST", len(line))
    with InputFile(requests) as opened:
        assert [opened.request(found) for found in opened.records] == [
            json.loads(line)["request"]
        ] * 2
    monkeypatch.setattr(input_file, "LARGEST_REQUEST", len(line) - 1)
    with pytest.raises(BadRecord, match="line 1 of the input file has more than"):
        InputFile(requests)


def test_max_output_tokens_cut_the_answer(client: genai.Client) -> None:
    line = record("a:b:1900:1", generation_config={"max_output_tokens": 10})
    batch = run_batch(client, [line], "short")
    [candidate] = result_lines(client, batch)[0]["response"]["candidates"]
    assert candidate["finishReason"] == "MAX_TOKENS"
    assert len(candidate["content"]["parts"][0]["text"]) == 40


def test_generate_content_answers_at_once(client: genai.Client, server: EmbeddedProcess) -> None:
    before = server.stats()["inferences"]
    reply = client.models.generate_content(
        model=MODEL, contents=types.Part.from_bytes(data=jpeg(9, 9), mime_type="image/jpeg")
    )
    assert json.loads(reply.text or "")["courses"] == []
    assert reply.usage_metadata and reply.usage_metadata.prompt_token_count == 258
    assert server.stats()["inferences"] == before + 1


@pytest.mark.parametrize("key", ["", "wrong", "é"])
def test_a_wrong_token_is_refused(server: EmbeddedProcess, key: str) -> None:
    for method, path in (("GET", "/v1/batches"), ("POST", "/control/faults")):
        reply = server.request(method, path, headers={"x-goog-api-key": key.encode()})
        assert reply.status_code == 401
        assert reply.json()["error"]["status"] == "UNAUTHENTICATED"


def test_unknown_addresses_are_json_errors(server: EmbeddedProcess) -> None:
    for path in ("/", "/v2/batches", "/v1/operations/x"):
        reply = server.request("GET", path)
        assert (reply.status_code, reply.json()["error"]["status"]) == (404, "NOT_FOUND")


def test_v1alpha_and_the_download_address_are_served(
    client: genai.Client, server: EmbeddedProcess
) -> None:
    batch = run_batch(client, [record("a:b:1900:1")], "alpha")
    assert batch.dest
    path = f"/download/v1alpha/{batch.dest.file_name}:download"
    reply = server.request("GET", path, params={"alt": "media"})
    assert reply.status_code == 200
    assert json.loads(reply.content)["key"] == "a:b:1900:1"


def test_input_that_is_not_active_is_refused(tmp_path: Path) -> None:
    with EmbeddedProcess(tmp_path / "state", "--file-seconds", "600") as server:
        client = client_of(server)
        file = client.files.upload(file=io.BytesIO(b"{}"), config={"mime_type": "jsonl"})
        with pytest.raises(errors.ClientError) as refused:
            client.batches.create(model=MODEL, src=file.name or "")
        assert code_of(refused) == (400, "FAILED_PRECONDITION")
        with pytest.raises(errors.ClientError) as refused:
            client.batches.create(model=MODEL, src="files/nobody")
        assert code_of(refused) == (403, "PERMISSION_DENIED")


def test_active_jobs_are_limited_and_files_expire(tmp_path: Path) -> None:
    options = ["--active", "2", "--fault", "job-pending", "--file-lifetime", "600"]
    with EmbeddedProcess(tmp_path / "state", *options) as server:
        client = client_of(server)
        first, _ = [run_batch(client, [record("k")], "n", wait=False) for _ in range(2)]
        with pytest.raises(errors.ClientError) as refused:
            run_batch(client, [record("k")], "n", wait=False)
        assert code_of(refused) == (429, "RESOURCE_EXHAUSTED")
        client.batches.cancel(name=first.name or "")
        cancelled = client.batches.get(name=first.name or "")
        assert cancelled.state == types.JobState.JOB_STATE_CANCELLED
        run_batch(client, [record("k")], "n", wait=False)
        assert [event["active"] for event in server.log("create")] == [1, 2, 2]
        assert server.stats()["inferences"] == 0

        server.restart("--file-lifetime", "0", "--fault", "job-pending")
        client = client_of(server)
        file = client.files.upload(file=io.BytesIO(b"x"), config={"mime_type": "image/png"})
        with pytest.raises(errors.ClientError) as refused:
            client.files.get(name=file.name or "")
        assert refused.value.code == 403


def test_cancelling_delivers_what_was_read(tmp_path: Path) -> None:
    slow = "record-slow:match=:2$,seconds=600"
    with EmbeddedProcess(tmp_path / "state", "--fault", slow) as server:
        client = client_of(server)
        records = [record(f"a:b:1900:{page}") for page in (1, 2)]
        batch = run_batch(client, records, "cancelled late", wait=False)
        wait_for(lambda: server.stats()["inferences"] == 1)
        client.batches.cancel(name=batch.name or "")
        batch = client.batches.get(name=batch.name or "")
        assert batch.state == types.JobState.JOB_STATE_SUCCEEDED
        lines = {line["key"]: line for line in result_lines(client, batch)}
        assert "response" in lines["a:b:1900:1"]
        assert lines["a:b:1900:2"]["error"]["code"] == 1


def test_a_killed_server_goes_on_without_reading_again(tmp_path: Path) -> None:
    slow = "record-slow:match=:9$,seconds=600"
    with EmbeddedProcess(tmp_path / "state", "--fault", slow, "--workers", "2") as server:
        client = client_of(server)
        records = [record(f"a:b:1900:{page}") for page in range(10, 19)]
        records.insert(4, record("a:b:1900:9"))
        batch = run_batch(client, records, "survivor", wait=False)
        wait_for(lambda: server.stats()["inferences"] == 9)
        # As if the kill had come between the result and its line in the log.
        log = tmp_path / "state" / "log.jsonl"
        server.kill()
        log.write_bytes(log.read_bytes().rstrip(b"\n").rpartition(b"\n")[0] + b'\n{"torn')

        server.restart("--workers", "2")
        client = client_of(server)
        wait_for(lambda: client.batches.get(name=batch.name or "").done)
        batch = client.batches.get(name=batch.name or "")
        assert sorted(line["key"] for line in result_lines(client, batch)) == sorted(
            line["key"] for line in records
        )
        assert server.stats()["by_key"] == {line["key"]: 1 for line in records}
        logged = [event["key"] for event in server.log("inference")]
        assert sorted(logged) == sorted(line["key"] for line in records)


def test_everything_is_still_there_after_a_kill(tmp_path: Path) -> None:
    with EmbeddedProcess(tmp_path / "state") as server:
        client = client_of(server)
        done = run_batch(client, [record("a:b:1900:1")], "done")
        file = client.files.upload(file=io.BytesIO(b"x"), config={"mime_type": "image/png"})
        server.kill()
        client = client_of(server.restart())
        assert client.files.get(name=file.name or "").state == types.FileState.ACTIVE
        assert len(result_lines(client, client.batches.get(name=done.name or ""))) == 1
        assert server.stats()["inferences"] == 1


def test_batch_seconds_are_counted_over_a_restart(tmp_path: Path) -> None:
    with EmbeddedProcess(tmp_path / "state", "--batch-seconds", "600") as server:
        batch = run_batch(client_of(server), [record("a:b:1900:1")], "slow", wait=False)
        wait_for(lambda: server.stats()["inferences"] == 1)
        assert server.stats()["active_batches"] == 1
        client = client_of(server.restart("--batch-seconds", "0.1"))
        wait_for(lambda: client.batches.get(name=batch.name or "").done)
        assert server.stats()["inferences"] == 1


def test_the_log_tells_the_story_without_the_token(tmp_path: Path) -> None:
    with EmbeddedProcess(tmp_path / "state") as server:
        client = client_of(server)
        batch = run_batch(client, [record("a:b:1900:1", "secret words")], "story")
        result_lines(client, batch)
        events = server.log()
        kinds = [event["event"] for event in events if event["event"] != "get"]
        assert kinds == ["upload", "create", "start", "inference", "finish", "download"]
        [create] = server.log("create")
        assert (create["display_name"], create["keys"]) == ("story", ["a:b:1900:1"])
        [inference] = server.log("inference")
        assert (inference["batch"], inference["key"]) == (batch.name, "a:b:1900:1")
        text = (tmp_path / "state" / "log.jsonl").read_text()
        assert server.token not in text
        assert "secret words" not in text


def test_it_ends_with_its_standard_input_and_on_sigterm(tmp_path: Path) -> None:
    with EmbeddedProcess(tmp_path / "state", "--fault", "hang:call=get") as server:
        assert server.stop() == 0
        server.restart()
        process = server.process
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0
        server.restart("--stay")
        process = server.process
        assert process.stdin
        process.stdin.close()
        assert server.stats()["batches"] == 0
        process.terminate()
        assert process.wait() == 0


def command(*args: str, token: str = "t") -> "subprocess.CompletedProcess[str]":
    """The command line, for errors before it listens."""
    return subprocess.run(
        [sys.executable, "-m", "pagewave.embedded", *args],
        env=os.environ | {"PYTHONPATH": str(SCRIPTS), "PAGEWAVE_EMBEDDED_TOKEN": token},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_command_line_errors_are_clear(tmp_path: Path) -> None:
    state = ["--state", str(tmp_path)]
    wrong = command(*state, "--fault", "job-faild")
    assert (wrong.returncode, "did you mean 'job-failed'?" in wrong.stderr) == (2, True)
    wrong = command(*state, "--workers", "0")
    assert (wrong.returncode, "--workers" in wrong.stderr) == (2, True)
    assert "record-error" in command("--help").stdout


def test_it_can_be_used_alone(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(SCRIPTS)}
    environment.pop("PAGEWAVE_EMBEDDED_TOKEN", None)
    process = subprocess.Popen(
        [sys.executable, "-m", "pagewave.embedded", "--port", "0", "--reader", "echo"],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin and process.stdout
    try:
        ready = json.loads(process.stdout.readline())
        address = f"http://127.0.0.1:{ready['port']}/control/stats"
        with httpx2.Client(trust_env=False) as client:
            allowed = client.get(address, headers={"x-goog-api-key": ready["token"]})
            refused = client.get(address, headers={"x-goog-api-key": "guess"})
        assert (allowed.status_code, allowed.json()["batches"]) == (200, 0)
        assert refused.status_code in (400, 401, 403)
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


def test_importing_the_server_imports_no_client_and_no_reader() -> None:
    code = (
        "import sys, pagewave.embedded.__main__;"
        "print({'google.genai', 'tesserocr', 'PIL', 'numpy', 'pydantic'} & set(sys.modules))"
    )
    env = os.environ | {"PYTHONPATH": str(SCRIPTS)}
    ran = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert ran.stdout.strip() == "set()", ran.stderr


def test_a_call_is_told_its_page_by_its_image_and_counts_as_a_reading_of_it(
    client: genai.Client, server: EmbeddedProcess, tmp_path: Path
) -> None:
    image = jpeg(11, 7)
    path = tmp_path / "a/b/1900/7.jpg"
    path.parent.mkdir(parents=True)
    path.write_bytes(image)
    server.show_images(tmp_path)
    part = types.Part.from_bytes(data=image, mime_type="image/jpeg")
    before = server.stats()["by_key"].get("a:b:1900:7", 0)
    for times in (before + 1, before + 2):
        reply = client.models.generate_content(model=MODEL, contents=["What is there?", part])
        assert "Page a:b:1900:7." in (reply.text or "")
        assert server.stats()["by_key"]["a:b:1900:7"] == times
    assert [event["key"] for event in server.log("call")[-2:]] == ["a:b:1900:7"] * 2


def test_calls_take_as_long_as_the_pace_says_each_another_time(tmp_path: Path) -> None:
    options = ("--reader", "echo", "--call-seconds", "0.02", "--call-sigma", "1.0")
    with EmbeddedProcess(tmp_path, *options) as slow:
        client = client_of(slow)
        for _ in range(8):
            client.models.generate_content(model=MODEL, contents="hello")
        called = [event["t"] for event in slow.log("call")]
        read = [event["t"] for event in slow.log("inference")]
    seconds = [after - before for before, after in zip(called, read, strict=True)]
    assert len({round(second, 3) for second in seconds}) > 3


@pytest.mark.parametrize("tier", ["FLEX", "cheap"])
def test_a_tier_that_google_does_not_know_is_refused(server: EmbeddedProcess, tier: str) -> None:
    body = {"contents": [{"parts": [{"text": "hello"}]}], "serviceTier": tier}
    reply = server.request("POST", f"/v1beta/models/{MODEL}:generateContent", json=body)
    assert reply.status_code == 400
