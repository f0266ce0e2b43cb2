"""One page asked at once, without a batch: what a prompt makes of it, while one writes the prompt.

The request is the one that a batch would carry, its image inside. Of the answer the ledger keeps
what it cost and who served it, and what Braintrust is to be told, as of an attempt in a batch.
"""

import json
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pagewave.answers.result_line import Answer, Failure, finish_reason_of, parse_line
from pagewave.answers.scores import PageScore, score, truth_of
from pagewave.commands.selection import page_named
from pagewave.commands.trials.context import Context, context_of
from pagewave.commands.trials.recorded import Trial
from pagewave.config.other_model import paid_as, price_name
from pagewave.config.settings import Settings
from pagewave.errors import ServiceError
from pagewave.gemini import calls as gemini
from pagewave.gemini.calls import STANDARD
from pagewave.gemini.connect import open_session
from pagewave.gemini.retries import Refused
from pagewave.gemini.session import Session
from pagewave.gemini.uploads import image_bytes
from pagewave.ledger import Ledger, LogRow
from pagewave.pages.dataset import Page, scan
from pagewave.prompts.costs import usd
from pagewave.prompts.request import Request, body_with_image, build_request, generation_config
from pagewave.prompts.schema import response_schema
from pagewave.waves.other_model import tell_of_other
from pagewave.waves.results import guarded
from pagewave.workspace import Workspace

FLEX = "flex"
"""The service's tier that costs what a batch does."""
NOT_ANSWERED = frozenset({400, 401, 403, 404})
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

    `usd` is the price of the tokens by the tier that served, None where the model has none or they
    were not counted; it is what Gemini would take also where the embedded engine answered.
    `seconds` passed until the answer was there. `score` is None where nobody knows the truth, or
    the answer is none.
    """

    result: Answer | Failure
    usd: float | None
    seconds: float
    score: PageScore | None


@contextmanager
def session_apart(settings: Settings) -> Iterator[Session]:
    """A session over a folder and a ledger of its own, which are thrown away.

    An embedded server over a folder of its own is in nobody's way, not even a run's.
    """
    with tempfile.TemporaryDirectory() as scratch:
        paths = settings.paths.model_copy(update={"state_dir": Path(scratch)})
        apart = settings.model_copy(update={"paths": paths})
        # No file is there: a ledger in memory.
        yield open_session(apart, scan(apart), Ledger.peek(paths.ledger))


def question(workspace: Workspace, key: str) -> Question:
    """What to ask for a page; raises DataError when there is no such page or no image."""
    page = page_named(workspace.dataset, key)
    context = context_of(workspace, page)
    image, facts = workspace.images.inspect(page)
    request = build_request(page, workspace.prompt, context.text, workspace.settings, image, facts)
    return Question(page, context, request)


def ask(
    session: Session, trial: Trial, asked: Question, truth_dir: Path | None, tier: str = STANDARD
) -> Reply:
    """Ask the model by a tier and wait for its answer.

    Raises:
        BudgetReached: it might go over a limit of the configuration.
        ServiceError: the service refuses the request, or no answer arrived.
        DataError: the page's truth file is none.
    """
    truth = truth_of(truth_dir, asked.page.name) if truth_dir else None  # before it is paid for
    call = trial.ask(session, asked.request)
    config = generation_config(session.settings, 1, ())
    started = time.monotonic()
    response = _answer(session, trial, call, asked.request, config, tier)
    seconds = time.monotonic() - started
    line = json.dumps({"key": asked.page.key, "response": response}).encode()
    result = parse_line(line, session.prompt.page_model)
    if isinstance(result, Answer):
        result = guarded(session, result, asked.context.text, asked.request.image, line)
    tell_of_other(session, session.settings.model.name, result.served)
    price = _usd(session.settings, result, tier)
    row = _row(session, trial, asked, result, line, config, seconds, price)
    _note(session, trial, call, result, price, row if trial.keeps_row else None)
    found = None
    if truth and isinstance(result, Answer):
        courses = json.loads(result.page_json).get("courses") or []
        found = score(asked.page.name, truth, result.page.text(), courses)
    return Reply(result, price, seconds, found)


def _answer(
    session: Session, trial: Trial, call: int, request: Request, config: dict[str, Any], tier: str
) -> dict[str, Any]:
    """The service's answer to a call; where it certainly asked no model, nothing was paid."""
    model, calls = session.settings.model.name, trial.ledger.calls
    image = {"inlineData": {"mimeType": request.facts.mime_type, "data": ""}}
    schema = response_schema(session.prompt.page_model)
    try:
        return session.client.ask(
            gemini.Question(
                model=model,
                body=body_with_image(request.prompt, image, config, schema),
                image=image_bytes(request),
                tier=tier,
                seconds=session.settings.calls.timeout_seconds,
            )
        )
    except OSError as error:
        calls.refused(call)
        raise ServiceError(f"{request.image} can't be sent: {error}") from error
    except gemini.NotNow as no:
        calls.refused(call)
        raise ServiceError(f"The service takes no call now ({no}). Ask again later.") from no
    except gemini.ServiceFailed as failed:
        calls.refused(call)
        raise ServiceError(f"The service failed, and charges nothing ({failed}). Ask again.") from (
            failed
        )
    except gemini.AnswerLost as lost:
        raise ServiceError(
            f"No answer from model {model} ({lost}). It may have been paid for. Ask again."
        ) from lost
    except Refused as no:
        if no.code in NOT_ANSWERED:
            calls.refused(call)
        raise


def _row(
    session: Session,
    trial: Trial,
    asked: Question,
    result: Answer | Failure,
    line: bytes,
    config: dict[str, Any],
    seconds: float,
    price: float | None,
) -> LogRow:
    """What there is to log of an answer that just came."""
    now, usage, request = time.time(), result.usage, asked.request
    good, failed = (result, None) if isinstance(result, Answer) else (None, result)
    prompt, settings = session.prompt, session.settings
    name = f"{settings.batch.display_name_prefix}-{trial.run_id}-{secrets.token_hex(4)}"
    return LogRow(
        id=0,
        batch_id=0,
        key=asked.page.key,
        display_name=name,
        batch_name=None,
        engine=session.engine,
        model=settings.model.name,
        run_id=trial.run_id,
        lane=0,
        wave=0,
        sent_at=now - seconds,
        answered_at=now,
        prompt_name=prompt.name,
        template_file=prompt.template_file,
        template=prompt.source,
        prompt_sha256=prompt.sha256,
        attempt_number=1,
        fingerprint=request.fingerprint,
        previous_context=request.previous_context,
        generation_config=json.dumps(config),
        image=str(request.image),
        image_sha256=request.facts.sha256,
        page=good.page_json if good else None,
        finish_reason=finish_reason_of(line),
        prompt_tokens=usage.prompt_tokens if usage else None,
        output_tokens=usage.output_tokens if usage else None,
        thoughts_tokens=usage.thoughts_tokens if usage else None,
        cached_tokens=usage.cached_tokens if usage else None,
        usd=price if session.engine == "gemini" else 0.0,
        model_served=result.served.model,
        model_stage=result.served.stage,
        service_tier=result.served.tier,
        error_type=failed.error_type if failed else None,
        error_message=failed.message if failed else None,
        traceback=failed.traceback if failed else None,
        raw_text=failed.raw_text if failed else None,
        raw_json=failed.raw_json if failed else None,
        flags=json.dumps([f"{flag.what}: {flag.message}" for flag in good.flags] if good else []),
        lines=(line,),
    )


def _note(
    session: Session,
    trial: Trial,
    call: int,
    result: Answer | Failure,
    price: float | None,
    row: LogRow | None,
) -> None:
    usage, ok = result.usage, isinstance(result, Answer)
    if usage is None:
        trial.ledger.calls.answered(call, ok=ok, usd=None, served=result.served, told=row)
        return
    tokens = (usage.prompt_tokens, usage.output_tokens, usage.thoughts_tokens, usage.cached_tokens)
    usd = 0.0 if session.engine == "embedded" else price
    trial.ledger.calls.answered(call, ok=ok, tokens=tokens, usd=usd, served=result.served, told=row)


def _usd(settings: Settings, result: Answer | Failure, tier: str) -> float | None:
    usage = result.usage
    if usage is None:
        return 0.0
    if not usage.is_known:
        return None
    output_tokens = usage.output_tokens + usage.thoughts_tokens
    tokens = (usage.prompt_tokens, output_tokens, usage.cached_tokens)
    served = result.served
    model = price_name(settings.pricing, settings.model.name, served.model, time.time())
    return usd(settings.pricing, model, *tokens, tier=paid_as(tier, served.tier))
