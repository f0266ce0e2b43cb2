"""A page asked at once: the same question as in a batch, its answer not kept, its price told and
counted.
"""

import base64
import contextlib
import io
import json
import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from helpers.braintrust_server import BraintrustServer
from helpers.command_calls import main_of, said
from helpers.embedded_process import SCRIPTS, EmbeddedProcess
from helpers.forked_heads import python
from helpers.lasting import Lasting
from helpers.library import REPO, Library
from helpers.sample import KEY, TRUTH, sample_library, write_true_page
from pagewave.config.settings import Settings
from pagewave.embedded.server.wire import camel
from pagewave.gemini.calls import STANDARD, Question
from pagewave.gemini.client import Gemini
from pagewave.ledger.lock import take_lock
from pagewave.prompts.registry import load_prompt
from pagewave.prompts.request import body_with_image, generation_config
from pagewave.prompts.schema import response_schema

SCRIPT = "try_prompt.py"
PAGE = "Ohio:Elm School:1850:{}"


@pytest.fixture(autouse=True)
def no_braintrust(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever keys the shell has, tests name their own."""
    monkeypatch.delenv("BRAINTRUST_API_KEY", raising=False)


def test_a_page_of_the_sample_is_read_and_scored(tmp_path: Path) -> None:
    with sample_library(tmp_path) as library:
        write_true_page(library, 3)
        [four, one] = said(
            library,
            SCRIPT,
            *("--page", KEY.format(4), KEY.format(1), "--template", "v1", "--truth", str(TRUTH)),
        )
        assert four["prompt"] == "page_ocr/v1.jinja"
        assert "LAST_3_COURSES:" in four["previous_context"]
        assert four["previous_context"] in four["rendered_prompt"]
        assert [course["course_name"] for course in four["page"]["courses"]][:2] == [
            "English Literature",
            "History",
        ]
        assert four["score"]["course_recall"] == 1.0
        assert four["score"]["error_rate"] < 0.02
        usage = four["usage"]
        # 0.30 and 2.50 USD a million tokens: twice the batch price of config/README.md.
        usd = (usage["prompt_tokens"] * 0.30 + usage["output_tokens"] * 2.50) / 1e6
        assert four["usd_at_gemini"] == pytest.approx(usd)
        assert four["usd"] == 0.0
        assert (one["previous_context"], one["previous_page_unread"]) == (None, None)
        assert library.ledger("SELECT purpose, outcome FROM run") == [("trial", "ok")]
        assert library.ledger("SELECT key, ok, usd FROM call") == [
            (KEY.format(4), 1, 0.0),
            (KEY.format(1), 1, 0.0),
        ]
        assert not library.ledger("SELECT * FROM attempt")
        assert not library.page_file(KEY.format(4)).exists()


def test_people_see_prompt_context_answer_and_price(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Library(tmp_path, {"Ohio/Elm School/1850": 2}) as library, contextlib.chdir(library.root):
        given = ["--configfile", "config.yaml", "--page", PAGE.format(2), "--template", "v1.jinja"]
        assert main_of(SCRIPT)(given) == 0
    printed = capsys.readouterr().out
    assert "page_ocr/v1.jinja" in printed
    assert "You are reading one scanned page" in printed
    assert f"Told of the page before: nothing: the previous page, {PAGE.format(1)}" in printed
    assert "Read after: nothing" in printed
    assert "tokens in" in printed
    assert "USD at Gemini's interactive price" in printed


def test_gemini_is_asked_at_the_interactive_price(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        EmbeddedProcess(tmp_path / "gemini") as gemini,
        Library(tmp_path, {"Ohio/Elm School/1850": 1}) as library,
    ):
        library.config["engine"] = "gemini"
        library.configure()
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", gemini.base_url)
        monkeypatch.setenv("GEMINI_API_KEY", gemini.token)
        [report] = said(library, SCRIPT, "--page", PAGE.format(1))
        assert report["usd"] == report["usd_at_gemini"] > 0
        assert gemini.stats() | {"by_key": {}} == {
            "inferences": 1,
            "by_key": {},
            "active_batches": 0,
            "batches": 0,
            "files": 0,
        }
        gemini.set_faults(["blocked"])
        [report] = said(library, SCRIPT, "--page", PAGE.format(1), code=1)
        assert report["page"] is None
        assert report["error"]["error_type"] == "Blocked"
        for fault, words in (
            ("http-error:call=generate,code=429", "429"),
            ("garbage-200:call=generate", "may have been paid for"),
        ):
            gemini.set_faults([fault])
            assert words in refusal(library, PAGE.format(1), code=5)
        assert gemini.stats()["files"] == 0
        # Paid: an answer, and one that was blocked. Refused: nothing. Lost: as much as it can cost.
        paid = library.ledger("SELECT ok, usd > 0, max_usd > 0, usd IS NULL FROM call ORDER BY id")
        assert paid == [(1, 1, 1, 0), (0, 1, 1, 0), (0, 0, 0, 0), (None, None, 1, 1)]
        assert library.ledger("SELECT DISTINCT purpose FROM run") == [("trial",)]


def test_what_trials_cost_is_counted_by_the_limit_over_all_runs(tmp_path: Path) -> None:
    counts = "token-counts:prompt=1000,output=100,thoughts=0,cached=0"
    price = {"input": 1000.0, "output": 1000.0}
    with Library(tmp_path, {"Ohio/Elm School/1850": 1}, embedded={"faults": [counts]}) as library:
        library.configure(pricing={"batch_usd_per_million_tokens": {"gemini-2.5-flash": price}})
        said(library, SCRIPT, "--page", PAGE.format(1))
        library.configure(execution={"max_cost_usd_total": 2.2})
        words = "execution.max_cost_usd_total is 2.2000 USD, of which 2.2000 are spent"
        assert words in refusal(library, PAGE.format(1), code=8)
        assert len(library.ledger("SELECT 1 FROM call")) == 1
        assert words in library.run(code=8)  # the workflow counts it too
        assert not library.events("create")


def test_what_a_trial_or_a_comparison_begins_is_private_too(tmp_path: Path) -> None:
    compared = ("--a", "v1", "--b", "v1.1", "--sample", "1", "--yes")
    for name, given in ((SCRIPT, ("--page", PAGE.format(1))), ("compare_prompts.py", compared)):
        root = tmp_path / name
        root.mkdir()
        with Library(root, {"Ohio/Elm School/1850": 1}) as library:
            said(library, name, *given)
            assert library.state.stat().st_mode & 0o077 == 0


def test_a_trial_is_allowed_and_on_record_while_a_run_goes_on(tmp_path: Path) -> None:
    with Library(tmp_path, {"Ohio/Elm School/1850": 1}) as library:
        library.run()
        with take_lock(library.state):
            said(library, SCRIPT, "--page", PAGE.format(1))
        assert library.ledger("SELECT purpose FROM run ORDER BY started_at") == [
            ("workflow",),
            ("trial",),
        ]
        assert library.ledger("SELECT key FROM call") == [(PAGE.format(1),)]


def test_a_trial_makes_no_new_ledger_where_one_was_lost(tmp_path: Path) -> None:
    with Library(tmp_path, {"Ohio/Elm School/1850": 1}) as library:
        requests = library.state / "requests"
        requests.mkdir(parents=True)
        (requests / "pagewave-run-1.jsonl").write_text("{}")
        assert "rebuild_ledger.py" in refusal(library, PAGE.format(1), code=4)
        assert not (library.state / "ledger.sqlite").exists()


def test_thoughts_and_cached_tokens_are_in_the_interactive_price(tmp_path: Path) -> None:
    """Twice the batch price, but for cached tokens, which cost the same here and there."""
    price = {"input": 2.0, "output": 10.0, "cached_input": 0.4}
    with Library(
        tmp_path,
        {"Ohio/Elm School/1850": 1},
        embedded={"faults": ["token-counts:prompt=1000,output=100,thoughts=900,cached=500"]},
        pricing={"batch_usd_per_million_tokens": {"gemini-2.5-flash": price}},
    ) as library:
        [report] = said(library, SCRIPT, "--page", PAGE.format(1))
        usd = (500 * 4.0 + 500 * 0.4 + 1000 * 20.0) / 1e6
        assert report["usd_at_gemini"] == pytest.approx(usd)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--page", "Ohio:Nowhere:1850:1"], 3, "There is no page Ohio:Nowhere:1850:1"),
        (["--page", "Ohio:Elm Schol:1850:1"], 3, "Did you mean Ohio:Elm School:1850:1?"),
        (["--page", PAGE.format(1), "--template", "v9"], 2, "Its versions: v1.jinja, v1.1.jinja"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, arguments: list[str], code: int, words: str) -> None:
    with Library(tmp_path, {"Ohio/Elm School/1850": 1}) as library:
        assert words in refusal(library, *arguments[1:], code=code)


def refusal(library: Library, key: str, *arguments: str, code: int) -> str:
    """What the command says to standard error when it fails."""
    given = ["--configfile", "config.yaml", "--page", key, *arguments]
    with contextlib.chdir(library.root), contextlib.redirect_stderr(io.StringIO()) as printed:
        assert main_of(SCRIPT)(given) == code, printed.getvalue()
    return printed.getvalue()


# The request on the wire


class Recorder(Lasting):
    """A service that keeps the last request's body and answers with one word."""

    def __init__(self) -> None:
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                recorder.path, recorder.body = self.path, json.loads(self.rfile.read(length))
                content = {"parts": [{"text": "{}"}], "role": "model"}
                reply = json.dumps(
                    {
                        "candidates": [{"content": content, "finishReason": "STOP"}],
                        "usageMetadata": {"promptTokenCount": 7, "thoughtsTokenCount": 2},
                        "newField": "of tomorrow",
                    }
                ).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, *_: Any) -> None:
                pass

        self.path, self.body = "", {}
        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def base_url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def open(self) -> None:
        """Listens."""
        self._thread.start()

    def close(self) -> None:
        """Listens no more."""
        self._server.shutdown()
        self._server.server_close()


def camelled(value: Any) -> Any:
    """JSON with all names in camel case: either spelling means the same to the service."""
    if isinstance(value, dict):
        return {camel(name): camelled(inner) for name, inner in value.items()}
    return [camelled(item) for item in value] if isinstance(value, list) else value


def test_the_request_is_the_one_that_a_batch_carries() -> None:
    settings = Settings.model_validate(
        {
            "paths": {"label_source_dir": ".", "image_source_dir": "."},
            "model": {
                "generation_config": {
                    **{"temperature": 0.3, "top_p": 0.9, "top_k": 40, "seed": 5},
                    **{"thinking_budget": 0, "media_resolution": "MEDIA_RESOLUTION_HIGH"},
                }
            },
        }
    )
    prompt = load_prompt(REPO / "prompts", "page_ocr", "v1.jinja")
    config = generation_config(settings, 1, ())

    def body(data: str) -> dict[str, Any]:
        image = {"inlineData": {"mimeType": "image/jpeg", "data": data}}
        return body_with_image(
            prompt.render(None), image, config, response_schema(prompt.page_model)
        )

    with Recorder() as service:
        client = Gemini("key", threading.Event(), base_url=service.base_url)
        answer = client.ask(Question("gemini-2.5-flash", body(""), b"image", STANDARD, 60.0))
    assert service.path == "/v1beta/models/gemini-2.5-flash:generateContent"
    assert camelled(service.body) == camelled(body(base64.b64encode(b"image").decode()))
    assert answer["candidates"][0]["finishReason"] == "STOP"
    assert answer["usageMetadata"] == {"promptTokenCount": 7, "thoughtsTokenCount": 2}


@pytest.mark.parametrize(
    ("fault", "said_of_it", "max_usd"),
    [
        ("http-error:call=generate,code=503", "takes no call now (503", 0.0),
        ("http-error:call=generate,code=500", "failed, and charges nothing", 0.0),
        ("http-error:call=generate,code=400", "to answer with model gemini-2.5-flash: 400", 0.0),
        ("cut-after:call=generate", "It may have been paid for. Ask again.", None),
    ],
)
def test_a_call_that_brings_nothing_says_whether_it_may_be_paid_for(
    tmp_path: Path,
    quiet_server: EmbeddedProcess,
    fault: str,
    said_of_it: str,
    max_usd: float | None,
) -> None:
    with Library(tmp_path, {"Ohio/Elm School/1850": 1}) as library:
        library.config["engine"] = "gemini"
        library.configure()
        quiet_server.set_faults([fault])
        err = io.StringIO()
        keys = {
            "GOOGLE_GEMINI_BASE_URL": quiet_server.base_url,
            "GEMINI_API_KEY": quiet_server.token,
        }
        with (
            contextlib.chdir(tmp_path),
            contextlib.redirect_stderr(err),
            patch.dict(os.environ, keys),
        ):
            given = ["--configfile", "config.yaml", "--page", PAGE.format(1), "--template", "v1"]
            assert main_of(SCRIPT)(given) == 5
        assert said_of_it in err.getvalue()
        [(answered, held)] = library.ledger("SELECT ok, max_usd FROM call")
        assert (answered, held) == (0, 0.0) if max_usd == 0.0 else answered is None and held > 0


@pytest.mark.parametrize("is_up", [True, False])
def test_the_call_is_logged_to_braintrust_now_or_later_and_once(
    tmp_path: Path, is_up: bool
) -> None:
    # In processes of their own, as the wrapper changes the client for good.
    def command(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        call = [*python(), str(SCRIPTS / script), "--configfile", "config.yaml", "--json"]
        return subprocess.run(
            [*call, *arguments],
            cwd=library.root,
            env=os.environ | {"PYTHONPATH": str(SCRIPTS)} | server.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    with Library(tmp_path, {"Ohio/Elm School/1850": 1}) as library, BraintrustServer() as server:
        if not is_up:
            server.stop()
        done = command(SCRIPT, "--page", PAGE.format(1))
        assert ("Braintrust: 1 row logged." in done.stderr) == is_up
        assert ("Braintrust: 1 row not sent yet" in done.stderr) != is_up
        assert len(server.rows) == is_up
        status = json.loads(command("deliver_logs.py", "--status").stdout)
        assert (status["waiting"], status["delivered"]) == (1 - is_up, is_up)
        if not is_up:
            server.start()
            later = command("deliver_logs.py")
            assert later.returncode == 0, later.stderr
            assert json.loads(later.stdout)["delivered_now"] == 1
            assert json.loads(command("deliver_logs.py").stdout)["delivered_now"] == 0
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0]["page"]
    assert "Traceback" not in done.stderr
    assert len(server.rows) == 1
    for row in server.rows.values():
        assert "Read after: nothing" in json.dumps(row["output"])
        assert row["metrics"]["prompt_tokens"] > 0
        # As the rows of batches: which page, which prompt, which version.
        told = row["metadata"]
        assert (told["state"], told["school"], told["year"], told["page"]) == (
            *("Ohio", "Elm School", 1850, 1),
        )
        assert row["input"]["page_id"] == PAGE.format(1)
        assert (told["prompt_name"], told["prompt_version"]) == ("page_ocr", "v1.1")
        assert told["prompt_template"] == "v1.1.jinja"
        assert told["finish_reason"] == "STOP"
        assert server.key not in json.dumps(row)
        assert "base64" not in json.dumps(row)
