"""Every fault of the embedded server does what its name says, seen through google-genai."""

import io
import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from google import genai
from google.genai import errors, types

from helpers.embedded_process import EmbeddedProcess, client_of, result_lines, run_batch, wait_for
from pagewave.embedded.server.faults import (
    GARBAGE,
    KINDS,
    LOOSE,
    REASONS,
    FaultError,
    Faults,
    describe,
    parse,
)

KEY = "a:b:1900:1"
RECORD = {
    "key": KEY,
    "request": {"contents": [{"role": "user", "parts": [{"text": "Read this page."}]}]},
}


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


def upload(client: genai.Client, name: str = "page", mime_type: str = "image/png") -> types.File:
    """A small upload."""
    config: Any = {"mime_type": mime_type, "display_name": name}
    return client.files.upload(file=io.BytesIO(b"{}"), config=config)


def text_of(line: dict[str, Any]) -> tuple[str, str]:
    """Text and finish reason of a result line."""
    [candidate] = line["response"]["candidates"]
    return candidate["content"]["parts"][0]["text"], candidate["finishReason"]


def read_with(server: EmbeddedProcess, client: genai.Client, *faults: str) -> list[dict[str, Any]]:
    """The result lines of a batch of one record under these faults."""
    server.set_faults(list(faults))
    return result_lines(client, run_batch(client, [RECORD], "record faults"))


# ---- the language


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ("job-faild", "did you mean 'job-failed'"),
        ("slow:second=3", "did you mean 'seconds'"),
        ("slow:seconds", "needs a value"),
        ("slow:seconds=soon", "seconds=soon"),
        ("slow:seconds=-1", "negative"),
        ("blocked:match=(", "match=("),
        ("http-error:call=creat", "did you mean 'create'"),
        ("http-error:acted=perhaps", "yes or no"),
        ("blocked:probability=2", "between 0 and 1"),
        ("blocked:code=13", "no option 'code'"),
        ("loose-json:how=wraped", "did you mean 'wrapped'"),
        ("refused:reason=modle", "did you mean 'model'"),
    ],
)
def test_a_wrong_fault_names_the_nearest_right_one(spec: str, complaint: str) -> None:
    with pytest.raises(FaultError, match=r"fault '") as raised:
        parse(spec)
    assert complaint in str(raised.value)


def test_all_kinds_parse_and_are_described() -> None:
    help_text = describe()
    for name in KINDS:
        assert parse(name).name == name
        assert f"  {name} " in help_text
    assert parse(r"blocked:match=a{1\,2}:1$").match.pattern == "a{1,2}:1$"


def test_times_and_skip_count_each_record_for_itself() -> None:
    faults = Faults(["blocked:match=^a,skip=1,times=2"])
    drawn = [bool(faults.draw("record", "a1")) for _ in range(5)]
    assert drawn == [False, True, True, False, False]
    assert [bool(faults.draw("record", key)) for key in ("a2", "a2", "b")] == [False, True, False]


def test_times_of_other_scopes_count_all() -> None:
    faults = Faults(["job-failed:times=1"])
    assert [bool(faults.draw("job", name)) for name in ("x", "y")] == [True, False]


def test_probability_is_the_same_every_time() -> None:
    def drawn(seed: int) -> list[bool]:
        faults = Faults([f"blocked:probability=0.5,seed={seed}"])
        return [bool(faults.draw("record", f"k{number}")) for number in range(200)]

    assert drawn(1) == drawn(1) != drawn(2)
    assert 60 < sum(drawn(1)) < 140


def test_control_replaces_clears_and_refuses(server: EmbeddedProcess) -> None:
    server.set_faults(["slow:seconds=0", "blocked"])
    assert server.request("GET", "/control/faults").json() == ["slow:seconds=0", "blocked"]
    for body in (["blockd"], "blocked", [1]):
        refused = server.request("POST", "/control/faults", json=body)
        assert refused.status_code == 400
    assert server.request("GET", "/control/faults").json() == ["slow:seconds=0", "blocked"]
    server.set_faults([])
    assert server.request("GET", "/control/faults").json() == []


# ---- calls


@pytest.mark.parametrize("code", [408, 429, 500, 502, 503])
def test_http_error(server: EmbeddedProcess, client: genai.Client, code: int) -> None:
    server.set_faults([f"http-error:code={code},call=upload,times=1"])
    with pytest.raises(errors.APIError) as raised:
        upload(client)
    assert raised.value.code == code
    assert upload(client).state == types.FileState.ACTIVE


def test_an_error_may_come_from_something_on_the_way(
    server: EmbeddedProcess, client: genai.Client
) -> None:
    server.set_faults(["http-error:code=404,foreign=yes,call=list"])
    with pytest.raises(errors.ClientError) as raised:
        client.batches.list(config={"page_size": 5})
    assert raised.value.code == 404
    assert "error" not in raised.value.details


def test_a_redirect_leads_nowhere(server: EmbeddedProcess, client: genai.Client) -> None:
    server.set_faults(["redirect:call=list"])
    with pytest.raises(httpx2.TooManyRedirects):
        client.batches.list(config={"page_size": 5})


def test_http_error_by_call(server: EmbeddedProcess, client: genai.Client) -> None:
    batch = run_batch(client, [RECORD], "by call")
    file = upload(client)
    name, file_name = batch.name or "", file.name or ""
    assert batch.dest and batch.dest.file_name
    result_file = batch.dest.file_name
    calls: dict[str, Any] = {
        "create": lambda: client.batches.create(model="m", src=file_name),
        "get": lambda: client.batches.get(name=name),
        "list": lambda: client.batches.list(config={"page_size": 5}),
        "upload": lambda: upload(client),
        "download": lambda: client.files.download(file=result_file),
        "cancel": lambda: client.batches.cancel(name=name),
        "generate": lambda: client.models.generate_content(model="m", contents="hello"),
        "delete": lambda: client.files.delete(name=file_name),
    }
    for hit in calls:
        server.set_faults([f"http-error:code=500,call={hit}"])
        for call, attempt in calls.items():
            if call == hit:
                with pytest.raises(errors.ServerError):
                    attempt()
            elif call in ("get", "list", "cancel"):
                attempt()


def test_storage_may_be_full(server: EmbeddedProcess, client: genai.Client) -> None:
    kept = upload(client)
    server.set_faults(["storage-full:files=1"])
    with pytest.raises(errors.ClientError, match="file_storage_bytes") as raised:
        upload(client)
    assert raised.value.code == 429
    listed = client.files.list(config={"page_size": 100})
    for file in list(listed):
        if file.source == types.FileSource.UPLOADED:
            client.files.delete(name=file.name or "")
    assert upload(client).name != kept.name


def test_match_looks_at_method_and_path(server: EmbeddedProcess, client: genai.Client) -> None:
    file = upload(client)
    server.set_faults(["http-error:match=GET .*/files/"])
    client.batches.list(config={"page_size": 5})
    with pytest.raises(errors.ServerError):
        client.files.get(name=file.name or "")
    client.files.delete(name=file.name or "")


@pytest.mark.parametrize(
    ("fault", "acted"),
    [
        ("cut-before:call=create", False),
        ("cut-after:call=create", True),
        ("garbage-200:call=create", True),
        ("garbage-200:call=create,acted=no", False),
        ("http-error:call=create,acted=yes", True),
        ("http-error:call=create", False),
    ],
)
def test_ambiguous_creates(
    server: EmbeddedProcess, client: genai.Client, fault: str, acted: bool
) -> None:
    before = server.stats()["batches"]
    server.set_faults([fault])
    with pytest.raises((httpx2.TransportError, json.JSONDecodeError, errors.ServerError)):
        run_batch(client, [RECORD], "ambiguous")
    assert server.stats()["batches"] == before + acted


def test_slow_acts_before_it_answers(server: EmbeddedProcess, client: genai.Client) -> None:
    before = server.stats()["batches"]
    server.set_faults(["slow:seconds=600,call=create"])
    impatient = types.CreateBatchJobConfig(http_options=types.HttpOptions(timeout=200))
    file = upload(client)
    with pytest.raises(httpx2.ReadTimeout):
        client.batches.create(model="m", src=file.name or "", config=impatient)
    assert server.stats()["batches"] == before + 1


def test_hang_does_nothing(server: EmbeddedProcess, client: genai.Client) -> None:
    file = upload(client)
    server.set_faults(["hang:call=delete"])
    with pytest.raises(httpx2.ReadTimeout):
        config = types.DeleteFileConfig(http_options=types.HttpOptions(timeout=200))
        client.files.delete(name=file.name or "", config=config)
    assert client.files.get(name=file.name or "").state == types.FileState.ACTIVE


def test_truncated_download(server: EmbeddedProcess, client: genai.Client) -> None:
    batch = run_batch(client, [RECORD], "truncated")
    server.set_faults(["truncated-download:times=1"])
    with pytest.raises(httpx2.TransportError):
        result_lines(client, batch)
    assert len(result_lines(client, batch)) == 1


def test_list_faults(server: EmbeddedProcess, client: genai.Client) -> None:
    for _ in range(3):
        run_batch(client, [RECORD], "listed")
    server.set_faults(["list-empty-without-page-size"])
    assert list(client.batches.list()) == []
    assert len(client.batches.list(config={"page_size": 2}).page) == 2

    server.set_faults(["list-empty-later-page"])
    pager = client.batches.list(config={"page_size": 2})
    assert len(pager.page) == 2
    assert pager.next_page() == []
    assert len(pager.next_page()) > 0
    with pytest.raises(IndexError):  # the client's own fault, which this one is there to show
        list(client.batches.list(config={"page_size": 2}))


def test_the_oldest_may_be_listed_first(server: EmbeddedProcess, client: genai.Client) -> None:
    made = [run_batch(client, [RECORD], "listed").name for _ in range(3)]
    files = [upload(client).name for _ in range(3)]
    size: Any = {"page_size": 2}
    for service, names in ((client.batches, made), (client.files, files)):
        server.set_faults([])
        newest_first = [entry.name for entry in service.list(config=size)]
        assert newest_first[:3] == names[::-1]
        server.set_faults(["list-oldest-first"])
        assert [entry.name for entry in service.list(config=size)] == newest_first[::-1]

    server.set_faults(["list-oldest-first", "list-empty-later-page"])
    pager = client.batches.list(config=size)
    assert len(pager.page) == 2
    assert pager.next_page() == []
    assert len(pager.next_page()) > 0


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


# ---- files


def test_file_faults(server: EmbeddedProcess, client: genai.Client) -> None:
    server.set_faults(["file-stuck:match=^stuck", "file-failed:match=^bad", "undeletable:match=^u"])
    stuck, bad, fixed, good = [upload(client, name) for name in ("stuck", "bad", "u", "good")]
    server.set_faults([])  # what was drawn stays
    assert client.files.get(name=stuck.name or "").state == types.FileState.PROCESSING
    failed = client.files.get(name=bad.name or "")
    assert failed.state == types.FileState.FAILED
    assert failed.error and failed.error.code == 13
    with pytest.raises(errors.ClientError) as raised:
        client.files.delete(name=fixed.name or "")
    assert raised.value.code == 400
    assert client.files.get(name=good.name or "").state == types.FileState.ACTIVE


# ---- jobs


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


# ---- records


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


# ---- ways in which the service misleads


@pytest.mark.parametrize("body", [*GARBAGE])
def test_garbage_of_all_sorts(server: EmbeddedProcess, body: str) -> None:
    server.set_faults([f"garbage-200:call=list,body={body}"])
    reply = server.request("GET", "/v1beta/batches")
    assert (reply.status_code, reply.content) == (200, GARBAGE[body])


@pytest.mark.parametrize("reason", REASONS)
def test_a_refusal_has_googles_words(
    server: EmbeddedProcess, client: genai.Client, reason: str
) -> None:
    assert client.models.get(model="gemini-x").name == "models/gemini-x"
    server.set_faults([f"refused:reason={reason},match=/models/gemini-x"])
    with pytest.raises(errors.ClientError) as raised:
        client.models.get(model="gemini-x")
    code, status, words = REASONS[reason]
    told = (raised.value.code, raised.value.status, raised.value.message)
    assert told == (code, status, words.format(model="gemini-x"))
    assert "models/gemini-2.5-flash" in [model.name for model in client.models.list()]


def test_an_active_file_may_be_taken_for_one_that_is_not(
    server: EmbeddedProcess, client: genai.Client
) -> None:
    file = upload(client)
    server.set_faults(["not-active-yet:times=1"])
    with pytest.raises(errors.ClientError, match="not in an ACTIVE state") as raised:
        client.batches.create(model="m", src=file.name or "")
    assert (raised.value.code, raised.value.status) == (400, "FAILED_PRECONDITION")
    assert client.batches.create(model="m", src=file.name or "").name


def test_a_download_may_be_short_and_a_list_empty_without_an_error(
    server: EmbeddedProcess, client: genai.Client
) -> None:
    records = [RECORD | {"key": f"a:b:1900:{page}"} for page in range(4)]
    batch = run_batch(client, records, "short")
    server.set_faults(["short-download:times=1", "list-empty:times=1"])
    assert [len(result_lines(client, batch)) for _ in range(2)] == [2, 4]
    assert client.batches.list(config={"page_size": 5}).page == []
    assert len(client.batches.list(config={"page_size": 5}).page) > 0


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


def test_wrong_times(server: EmbeddedProcess, client: genai.Client) -> None:
    name = run_batch(client, [RECORD], "timed").name
    assert name
    server.set_faults(["wrong-create-time:call=get,told=1970-01-01T00:00:00Z"])
    told = client.batches.get(name=name).create_time
    assert told and told.timestamp() == 0
    server.set_faults(["wrong-create-time:call=get,told="])
    assert client.batches.get(name=name).create_time is None
    server.set_faults(["wrong-date:call=get,told=soon"])
    path = f"/v1beta/{name}"
    assert server.request("GET", path).headers["date"] == "soon"
    server.set_faults([])
    assert server.request("GET", path).headers["date"].endswith("GMT")


# ---- single calls


def test_another_tier_serves_than_was_asked_for(
    server: EmbeddedProcess, client: genai.Client
) -> None:
    config = types.GenerateContentConfig(service_tier=types.ServiceTier.FLEX)

    def served() -> tuple[str, str]:
        reply = client.models.generate_content(model="m", contents="hello", config=config)
        assert reply.sdk_http_response and reply.sdk_http_response.headers
        header = reply.sdk_http_response.headers["x-gemini-service-tier"]
        asked = server.log("call")[-1]["tier"]
        return asked, header

    server.set_faults([])
    assert served() == ("flex", "flex")
    server.set_faults(["other-tier:tier=standard"])
    assert served() == ("flex", "standard")


def test_the_days_limit_is_told_as_google_does(
    server: EmbeddedProcess, client: genai.Client
) -> None:
    server.set_faults(["day-limit:skip=1"])
    client.models.generate_content(model="m", contents="hello")
    with pytest.raises(errors.ClientError) as raised:
        client.models.generate_content(model="m", contents="hello")
    assert raised.value.code == 429
    assert "PerDay" in json.dumps(raised.value.details)
