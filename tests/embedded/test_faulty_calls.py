"""Faults of calls and files do what their names say, seen through google-genai."""

import json
from typing import Any

import httpx2
import pytest
from google import genai
from google.genai import errors, types

from helpers.embedded_process import EmbeddedProcess, result_lines, run_batch
from helpers.faulty import RECORD, upload
from pagewave.embedded.server.faults import GARBAGE, REASONS


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
