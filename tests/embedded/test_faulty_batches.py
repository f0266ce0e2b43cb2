"""Faults of batches and their records do what their names say, seen through google-genai."""

import json
from typing import Any

import pytest
from google import genai
from google.genai import errors, types

from helpers.embedded_process import EmbeddedProcess, client_of, result_lines, run_batch, wait_for
from helpers.faulty import KEY, RECORD, read_with, text_of, upload
from pagewave.embedded.server.faults import LOOSE


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        ("job-failed", types.JobState.JOB_STATE_FAILED),
        ("job-expired", types.JobState.JOB_STATE_EXPIRED),
        ("job-cancelled", types.JobState.JOB_STATE_CANCELLED),
    ],
)
def test_jobs_that_end_badly(
    server: EmbeddedProcess, client: genai.Client, fault: str, state: types.JobState
) -> None:
    before = server.stats()["inferences"]
    server.set_faults([f"{fault}:match=^bad$"])
    batch = run_batch(client, [RECORD], "bad")
    assert (batch.state, batch.dest) == (state, None)
    assert server.request("GET", f"/v1/{batch.name}").json()["error"]["code"] == 13
    assert run_batch(client, [RECORD], "good").state == types.JobState.JOB_STATE_SUCCEEDED
    assert server.stats()["inferences"] == before + 1


def test_a_bad_request_fails_its_batch_or_has_it_refused(
    server: EmbeddedProcess, client: genai.Client
) -> None:
    before = server.stats()["inferences"]
    server.set_faults([f"bad-request:match=^{KEY}$,times=2"])
    other = RECORD | {"key": "a:b:1900:2"}
    for records in ([RECORD, other], [RECORD]):
        batch = run_batch(client, records, "bad request")
        assert (batch.state, batch.dest) == (types.JobState.JOB_STATE_FAILED, None)
        assert server.request("GET", f"/v1/{batch.name}").json()["error"]["code"] == 3
    assert run_batch(client, [RECORD], "good").state == types.JobState.JOB_STATE_SUCCEEDED
    assert server.stats()["inferences"] == before + 1

    batches = server.stats()["batches"]
    server.set_faults([f"bad-request:match=^{KEY}$,refused=yes"])
    with pytest.raises(errors.ClientError, match="invalid argument") as raised:
        run_batch(client, [other, RECORD], "refused")
    assert (raised.value.code, raised.value.status) == (400, "INVALID_ARGUMENT")
    assert server.stats()["batches"] == batches
    assert run_batch(client, [other], "good").state == types.JobState.JOB_STATE_SUCCEEDED


def test_a_batch_with_images_inside_ends_failed_or_is_refused_and_others_do_not(
    server: EmbeddedProcess, client: genai.Client
) -> None:
    contents = [{"role": "user", "parts": [{"inlineData": {"mimeType": "image/png", "data": ""}}]}]
    inside = {"key": KEY, "request": {"contents": contents}}
    server.set_faults(["inline-refused:times=1"])
    batch = run_batch(client, [RECORD, inside], "inside")
    assert batch.state == types.JobState.JOB_STATE_FAILED
    assert server.request("GET", f"/v1/{batch.name}").json()["error"]["code"] == 3
    server.set_faults(["inline-refused:refused=yes"])
    with pytest.raises(errors.ClientError, match="invalid argument"):
        run_batch(client, [inside], "refused")
    assert run_batch(client, [RECORD], "none").state == types.JobState.JOB_STATE_SUCCEEDED


def test_a_pending_job_stays_so_over_a_restart(tmp_path: Any) -> None:
    with EmbeddedProcess(tmp_path / "state", "--fault", "job-pending") as server:
        batch = run_batch(client_of(server), [RECORD], "pending", wait=False)
        server.kill()
        client = client_of(server.restart("--seed", "0"))
        run_batch(client, [RECORD], "another")
        pending = client.batches.get(name=batch.name or "")
        assert pending.state == types.JobState.JOB_STATE_PENDING


def test_states_that_pass(server: EmbeddedProcess, client: genai.Client) -> None:
    server.set_faults(["job-unknown-state:match=^odd", "job-pending:match=^late,seconds=0.1"])
    odd = run_batch(client, [RECORD], "odd", wait=False)

    def state() -> str:
        raw = server.request("GET", f"/v1/{odd.name}").json()
        assert "done" not in raw
        return str(raw["metadata"]["state"])

    wait_for(lambda: state() == "BATCH_STATE_SOMETHING_NEW")
    assert run_batch(client, [RECORD], "late").state == types.JobState.JOB_STATE_SUCCEEDED
    client.batches.cancel(name=odd.name or "")
    assert client.batches.get(name=odd.name or "").state == types.JobState.JOB_STATE_CANCELLED


def test_job_partial(server: EmbeddedProcess, client: genai.Client) -> None:
    before = server.stats()["inferences"]
    server.set_faults(["job-partial"])
    records = [RECORD | {"key": f"a:b:1900:{page}"} for page in range(4)]
    with pytest.warns(UserWarning, match="not a valid JobState"):  # google-genai knows it not
        batch = run_batch(client, records, "partial")
    assert batch.state and batch.state.value == "BATCH_STATE_PARTIALLY_SUCCEEDED"
    lines = result_lines(client, batch)
    assert sorted("response" in line for line in lines) == [False, False, True, True]
    assert server.stats()["inferences"] == before + 2


def test_output_that_is_not_where_it_should_be(
    server: EmbeddedProcess, client: genai.Client
) -> None:
    server.set_faults(["no-result-file:match=^never", "no-result-file:match=^late,seconds=0.2"])
    never, late = [run_batch(client, [RECORD], name) for name in ("never", "late")]
    assert (never.state, never.dest) == (types.JobState.JOB_STATE_SUCCEEDED, None)
    wait_for(lambda: client.batches.get(name=late.name or "").dest)

    server.set_faults(["response-only"])
    batch = run_batch(client, [RECORD], "response only")
    assert batch.dest is None
    raw = server.request("GET", f"/v1/{batch.name}").json()
    assert raw["response"]["responsesFile"].startswith("files/batch-")

    # Never where the batch failed: an operation holds an error or a response.
    server.set_faults(["response-only", "no-result-file", "job-failed:share=0.5"])
    failed = run_batch(client, [RECORD, RECORD | {"key": "b"}], "failed")
    raw = server.request("GET", f"/v1/{failed.name}").json()
    assert "response" not in raw
    assert raw["metadata"]["output"]["responsesFile"].startswith("files/batch-")


def test_batch_hold(server: EmbeddedProcess, client: genai.Client) -> None:
    server.set_faults(["batch-hold:match=^held,seconds=0.3"])
    batch = run_batch(client, [RECORD], "held")
    assert batch.create_time and batch.end_time
    assert (batch.end_time - batch.create_time).total_seconds() >= 0.3


@pytest.mark.filterwarnings("ignore:BATCH_STATE_PARTIALLY_SUCCEEDED")  # of another test's batch
def test_list_delay(server: EmbeddedProcess, client: genai.Client) -> None:
    server.set_faults(["list-delay:match=^late$,seconds=600"])
    made = [run_batch(client, [RECORD], name, wait=False).name for name in ("early", "late")]

    def listed() -> set[str | None]:
        return {batch.name for batch in client.batches.list(config={"page_size": 100})}

    assert made[0] in listed()
    assert client.batches.get(name=made[1] or "").display_name == "late"
    assert made[1] not in listed()
    server.end_delays()
    assert set(made) <= listed()


def test_quota_is_held_after_a_cancel(server: EmbeddedProcess, client: genai.Client) -> None:
    server.set_faults(["quota-held:seconds=600", "job-pending:times=1"])
    batch = run_batch(client, [RECORD], "held", wait=False)
    client.batches.cancel(name=batch.name or "")
    file = upload(client)
    with pytest.raises(errors.ClientError) as raised:
        client.batches.create(model="m", src=file.name or "")
    assert raised.value.code == 429
    server.end_delays()
    assert client.batches.create(model="m", src=file.name or "").name


def test_a_cancel_may_be_ignored(server: EmbeddedProcess, client: genai.Client) -> None:
    server.set_faults(["cancel-ignored", "job-pending"])
    batch = run_batch(client, [RECORD], "ignored", wait=False)
    client.batches.cancel(name=batch.name or "")
    server.end_delays()
    wait_for(lambda: client.batches.get(name=batch.name or "").end_time)
    state = client.batches.get(name=batch.name or "").state
    assert state == types.JobState.JOB_STATE_SUCCEEDED


@pytest.mark.parametrize("fault", ["job-failed", "job-expired", "job-cancelled"])
def test_a_batch_that_ends_badly_may_hold_answers(
    server: EmbeddedProcess, client: genai.Client, fault: str
) -> None:
    before = server.stats()["inferences"]
    server.set_faults([f"{fault}:share=0.5"])
    records = [RECORD | {"key": f"a:b:1900:{page}"} for page in range(4)]
    batch = run_batch(client, records, "half")
    assert batch.state and batch.state.value == fault.upper().replace("-", "_STATE_")
    assert len(result_lines(client, batch)) == 2
    assert server.stats()["inferences"] == before + 2


def test_record_error_is_counted_by_key_and_not_paid(
    server: EmbeddedProcess, client: genai.Client
) -> None:
    before = server.stats()["inferences"]
    [line] = read_with(server, client, "record-error:match=^a:b,code=14,times=1")
    assert line["error"]["code"] == 14
    assert server.stats()["inferences"] == before
    assert "response" in result_lines(client, run_batch(client, [RECORD], "again"))[0]
    [line] = read_with(server, client, "record-status")
    assert line["status"]["code"] == 3


def test_keys_that_do_not_fit(server: EmbeddedProcess, client: genai.Client) -> None:
    def keys(fault: str) -> list[str]:
        return sorted(line["key"] for line in read_with(server, client, fault))

    assert keys("missing-key") == []
    assert keys("duplicate-key") == [KEY, KEY]
    assert keys("foreign-key") == [KEY, f"foreign:{KEY}"]


def test_answers_without_text_are_paid(server: EmbeddedProcess, client: genai.Client) -> None:
    before = server.stats()["inferences"]
    [line] = read_with(server, client, "blocked")
    assert line["response"]["promptFeedback"] == {"blockReason": "PROHIBITED_CONTENT"}
    assert "candidates" not in line["response"]
    assert "candidatesTokenCount" not in line["response"]["usageMetadata"]
    [line] = read_with(server, client, "recitation")
    assert line["response"]["candidates"] == [{"finishReason": "RECITATION", "index": 0}]
    assert server.stats()["inferences"] == before + 2


def test_counts_of_tokens_as_told(server: EmbeddedProcess, client: genai.Client) -> None:
    counts = "prompt=1000,output=100,thoughts=900,cached=500"
    [line] = read_with(server, client, f"token-counts:{counts}")
    # The client's own model knows these fields.
    usage = types.GenerateContentResponse.model_validate(line["response"]).usage_metadata
    assert usage is not None
    assert (usage.prompt_token_count, usage.candidates_token_count) == (1000, 100)
    assert (usage.thoughts_token_count, usage.cached_content_token_count) == (900, 500)
    assert usage.total_token_count == 2000  # what is cached is part of the prompt
    [line] = read_with(server, client, "token-counts:prompt=7,output=0")
    assert line["response"]["usageMetadata"] == {"promptTokenCount": 7, "totalTokenCount": 7}
    [line] = read_with(server, client, "token-counts:prompt=7,output=0,total=9")
    assert line["response"]["usageMetadata"] == {"promptTokenCount": 7, "totalTokenCount": 9}
    [line] = read_with(server, client, "no-counts")
    assert "usageMetadata" not in line["response"]


def test_another_model_answers(server: EmbeddedProcess, client: genai.Client) -> None:
    [line] = read_with(server, client)
    assert line["response"]["modelVersion"] == "gemini-2.5-flash"
    told = "model=gemini-3.8-flash,stage=DEPRECATED,retires=2026-12-01T00:00:00Z,tier=standard"
    [line] = read_with(server, client, f"other-model:{told}")
    assert line["response"]["usageMetadata"].pop("serviceTier") == "standard"
    response = types.GenerateContentResponse.model_validate(line["response"])
    assert response.model_version == "gemini-3.8-flash"
    assert response.model_status is not None
    assert response.model_status.model_stage == types.ModelStage.DEPRECATED
    assert response.model_status.retirement_time is not None
    [line] = read_with(server, client, "other-model:model=")
    assert "modelVersion" not in line["response"]


def test_damaged_answers(server: EmbeddedProcess, client: genai.Client) -> None:
    [line] = read_with(server, client, "max-tokens")
    text, reason = text_of(line)
    assert reason == "MAX_TOKENS"
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)

    [line] = read_with(server, client, "repetition")
    text, reason = text_of(line)
    assert (reason, text.count("Course of study") > 100) == ("MAX_TOKENS", True)
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)
    [line] = read_with(server, client, "repetition:closed=yes")
    text, reason = text_of(line)
    assert reason == "STOP"
    assert json.loads(text)["courses"] == []

    [line] = read_with(server, client, "fenced-json")
    assert json.loads(text_of(line)[0].removeprefix("```json").removesuffix("```"))
    [line] = read_with(server, client, "text-around-json")
    text, _ = text_of(line)
    assert not text.startswith("{") and not text.endswith("}") and '"courses"' in text
    [line] = read_with(server, client, "invalid-schema")
    assert "raw_ocr" not in json.loads(text_of(line)[0])
    [line] = read_with(server, client, "line-separator")
    assert "\u2028" in text_of(line)[0]


def test_any_reason_may_cut_an_answer(server: EmbeddedProcess, client: genai.Client) -> None:
    [line] = read_with(server, client, "finish-reason:finish=CONTINUATION")
    text, reason = text_of(line)
    assert (text[0], reason) == ("{", "CONTINUATION")
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)


def test_json_may_be_nearly_right(server: EmbeddedProcess, client: genai.Client) -> None:
    texts = {
        how: text_of(read_with(server, client, f"loose-json:how={how}")[0])[0] for how in LOOSE
    }
    assert texts.pop("comma").endswith(",}")
    first, second = texts.pop("twice").splitlines()
    assert json.loads(first) == json.loads(second)
    page = json.loads(texts.pop("words"))
    assert page["school_name"] == "N/A"
    assert json.loads(texts.pop("wrapped"))["page"].keys() == page.keys()
    assert json.loads(texts.pop("listed"))[0].keys() == page.keys()
    assert texts == {}


def test_line_separator_is_raw_in_the_file(server: EmbeddedProcess, client: genai.Client) -> None:
    server.set_faults(["line-separator"])
    batch = run_batch(client, [RECORD], "separator")
    assert batch.dest and batch.dest.file_name
    data = client.files.download(file=batch.dest.file_name)
    assert "\u2028".encode() in data
    assert len(data.decode().splitlines()) == 2  # what splits on it sees two halves of a line


def test_record_slow_holds_up_only_its_record(
    server: EmbeddedProcess, client: genai.Client
) -> None:
    before = server.stats()["inferences"]
    server.set_faults([f"record-slow:match=^{KEY}$,seconds=600"])
    records = [RECORD, RECORD | {"key": "a:b:1900:2"}]
    batch = run_batch(client, records, "slow record", wait=False)
    wait_for(lambda: server.stats()["inferences"] == before + 1)
    client.batches.cancel(name=batch.name or "")
    lines = result_lines(client, client.batches.get(name=batch.name or ""))
    assert {line["key"]: "response" in line for line in lines} == {KEY: False, "a:b:1900:2": True}


def test_faults_are_logged(server: EmbeddedProcess, client: genai.Client) -> None:
    read_with(server, client, "blocked")
    event = server.log("fault")[-1]
    assert (event["fault"], event["subject"]) == ("blocked", KEY)
