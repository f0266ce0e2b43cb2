"""One page asked at once, without a batch: what a prompt makes of it, while one writes the prompt.

The request is the one that a batch would carry, image included as an uploaded file. Of the answer
the ledger keeps what it cost, no more.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pagewave.answers.result_line import Answer, Failure, parse_line
from pagewave.answers.scores import PageScore, score, truth_of
from pagewave.commands.trials.context import Context, context_of
from pagewave.commands.trials.recorded import Trial
from pagewave.config.keys import Secrets
from pagewave.config.settings import Settings
from pagewave.errors import ServiceError
from pagewave.gemini.client import RemoteFile, UploadFailed
from pagewave.gemini.retries import Refused
from pagewave.gemini.session import Session
from pagewave.gemini.uploads import delete_unneeded_files, upload
from pagewave.log import log
from pagewave.pages.dataset import Page
from pagewave.prompts.costs import interactive_usd
from pagewave.prompts.request import Request, build_request, generation_config, request_body
from pagewave.prompts.schema import response_schema
from pagewave.tracking import flush_interactive, wrap_interactive
from pagewave.waves.results import guarded
from pagewave.workspace import Workspace

NOT_ANSWERED = frozenset({400, 401, 403, 404, 429})
"""HTTP codes by which the service says that it did not ask the model: nothing was paid."""


@dataclass(frozen=True)
class Question:
    """A page, and what is asked for it with which prompt."""

    page: Page
    context: Context
    request: Request


@dataclass(frozen=True)
class Reply:
    """What the model answered.

    `usd` is the interactive price of the tokens, None where the model has none; it is what Gemini
    would take also where the embedded engine answered. `seconds` passed until the answer was there.
    `score` is None where nobody knows the truth, or the answer is none.
    """

    result: Answer | Failure
    usd: float | None
    seconds: float
    score: PageScore | None


def question(workspace: Workspace, key: str) -> Question:
    """What to ask for a page; raises DataError when there is no such page or no image."""
    page = workspace.dataset.page(key)
    context = context_of(workspace, page)
    image, facts = workspace.images.inspect(page)
    request = build_request(page, workspace.prompt, context.text, workspace.settings, image, facts)
    return Question(page, context, request)


def ask(session: Session, trial: Trial, asked: Question, truth_dir: Path) -> Reply:
    """Ask the model and wait for its answer.

    The session's ledger is one that is thrown away: it only knows the uploaded image.

    Raises:
        BudgetReached: it might go over a limit of the configuration.
        ServiceError: the service refuses the request, or no answer arrived.
        DataError: the page's truth file is none.
    """
    truth = truth_of(truth_dir, asked.page.name)  # before anything is paid for
    call = trial.ask(session, asked.request)
    try:
        file = _upload(session, asked.request)
    except Exception:
        trial.ledger.calls.refused(call)  # it never came to the question
        raise
    try:
        schema = response_schema(session.prompt.page_model)
        config = generation_config(session.settings, 1, ())
        body = request_body(asked.request, file.uri, config, schema)
        started = time.monotonic()
        response = session.client.generate(session.settings.model.name, body)
        seconds = time.monotonic() - started
    except Refused as no:
        if no.code in NOT_ANSWERED:
            trial.ledger.calls.refused(call)
        raise
    finally:
        delete_unneeded_files(session)
    line = json.dumps({"key": asked.page.key, "response": response}).encode()
    result = parse_line(line, session.prompt.page_model)
    if isinstance(result, Answer):
        result = guarded(session, result, asked.context.text, asked.request.image, line)
    price = _usd(session.settings, result)
    _note(session, trial, call, result, price)
    found = None
    if truth and isinstance(result, Answer):
        courses = json.loads(result.page_json).get("courses") or []
        found = score(asked.page.name, truth, result.page.text(), courses)
    return Reply(result, price, seconds, found)


def _note(
    session: Session, trial: Trial, call: int, result: Answer | Failure, price: float | None
) -> None:
    usage, ok = result.usage, isinstance(result, Answer)
    if usage is None:
        trial.ledger.calls.answered(call, ok=ok, usd=None)
        return
    tokens = (usage.prompt_tokens, usage.output_tokens, usage.thoughts_tokens, usage.cached_tokens)
    usd = 0.0 if session.engine == "embedded" else price
    trial.ledger.calls.answered(call, ok=ok, tokens=tokens, usd=usd)


def _upload(session: Session, request: Request) -> RemoteFile:
    facts = request.facts
    try:
        return upload(session, request.image, facts.mime_type, facts.sha256)
    except UploadFailed as error:
        raise ServiceError(f"{request.image} can't be uploaded: {error}") from error


def _usd(settings: Settings, result: Answer | Failure) -> float | None:
    usage = result.usage
    if usage is None:
        return 0.0
    output_tokens = usage.output_tokens + usage.thoughts_tokens
    tokens = (usage.prompt_tokens, output_tokens, usage.cached_tokens)
    return interactive_usd(settings.pricing, settings.model.name, *tokens)


@contextmanager
def logged_to_braintrust(secrets: Secrets) -> Iterator[None]:
    """Have Braintrust's wrapper log the calls inside; a line says so, or why not."""
    wrapped = wrap_interactive(secrets)
    try:
        yield
    finally:
        if wrapped and flush_interactive():
            log.info("logged to Braintrust")
