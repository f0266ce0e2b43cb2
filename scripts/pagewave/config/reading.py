"""The sections of the configuration: every key, its bounds, its default and what it means.

`config/README.md` shows the same as tables, and a test keeps both in step. Units are part of a
key's name or of its description.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from pagewave.config.types import (
    ConfigPath,
    DisplayPrefix,
    FileName,
    Float,
    GuardAction,
    Int,
    ModelName,
    Section,
)
from pagewave.errors import ErrorType


class Execution(Section):
    """How much is sent, and how often."""

    max_retries: Int = Field(
        default=3,
        ge=1,
        le=100,
        description="Failed attempts after which a page is a dead letter: it is not sent again "
        "until scripts/clear_failure_counts.py clears its count.",
    )
    batch_size_limit: Int = Field(
        default=100, ge=1, le=100_000, description="Most pages in one batch, each of another chain."
    )
    max_concurrent_batches: Int = Field(
        default=10, ge=1, le=100, description="Batches in flight at once; the service allows 100."
    )
    max_batch_failures: Int = Field(
        default=5,
        ge=1,
        le=1000,
        description="Failures that are not the page's own before it is a dead letter: batches that "
        "failed, expired or were cancelled as a whole, uploads, a missing image. They do not count "
        "as attempts.",
    )
    on_dead_letter: Literal["block", "continue"] = Field(
        default="block",
        description="block: the pages behind a dead letter, and its book, wait for it. continue: "
        "they go on without it, and the book lists what is missing.",
    )
    wait: bool = Field(
        default=True,
        description="true: a run goes on until all is read. false: it collects what has ended, "
        "sends what is ready, and ends with exit code 7 while there is more to come.",
    )
    max_cost_usd: Float | None = Field(
        default=None,
        ge=0,
        description="Budget of one run: a wave that might cost more than is left of it is not "
        "sent, and the run ends with exit code 8. null: no limit.",
    )
    max_cost_usd_total: Float | None = Field(
        default=None,
        ge=0,
        description="The same for all that the ledger knows of, earlier runs and comparisons of "
        "prompts included.",
    )
    dry_run: bool = Field(
        default=False, description="true: show waves, pages, tokens and price, send nothing."
    )
    allow_network_state: bool = Field(
        default=False,
        description="true: `paths.state_dir` may be on a network file system, at your own risk.",
    )


class GenerationOverrides(Section):
    """Settings of the model that a retry changes; null leaves them as they were."""

    temperature: Float | None = Field(
        default=None, ge=0, le=2, description="Randomness of the answers."
    )
    # 65,536 is the output limit of every Gemini 2.5 and 3 model.
    max_output_tokens: Int | None = Field(
        default=None,
        ge=1,
        le=65_536,
        description="Most tokens an answer may have, thoughts included.",
    )
    top_p: Float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Sample from the likeliest tokens up to this probability.",
    )
    top_k: Int | None = Field(
        default=None, ge=1, description="Sample from this many likeliest tokens."
    )
    seed: Int | None = Field(
        default=None, ge=-(2**31), le=2**31 - 1, description="Seed of the random choice."
    )
    thinking_budget: Int | None = Field(
        default=None,
        ge=-1,
        le=65_536,
        description="Most tokens of thought, paid like output; 0: none, -1: the model decides.",
    )
    media_resolution: (
        Literal["MEDIA_RESOLUTION_LOW", "MEDIA_RESOLUTION_MEDIUM", "MEDIA_RESOLUTION_HIGH"] | None
    ) = Field(default=None, description="How finely images are looked at; finer costs more tokens.")


class GenerationConfig(GenerationOverrides):
    """What is asked of the model; null leaves a setting to the service."""

    temperature: Float | None = Field(
        default=0.1, ge=0, le=2, description="Randomness of the answers."
    )
    max_output_tokens: Int | None = Field(
        default=8192,
        ge=1,
        le=65_536,
        description="Most tokens an answer may have, thoughts included.",
    )
    response_mime_type: Literal["application/json"] = Field(
        default="application/json", description="Answers are read as JSON."
    )


class Model(Section):
    """Which model reads, and how."""

    name: ModelName = Field(
        default="gemini-2.5-flash", description="Gemini model; a `models/` in front is dropped."
    )
    generation_config: GenerationConfig = Field(
        default=GenerationConfig(), description="What is asked of the model."
    )


class Batch(Section):
    """How batches are named and waited for."""

    poll_interval_seconds: Float = Field(
        default=30.0,
        gt=0,
        le=3600,
        description="Seconds between two looks at a batch; 0.2 with engine: embedded.",
    )
    max_poll_attempts: Int = Field(
        default=5760,
        ge=1,
        description="Looks after which a batch is cancelled: 48 hours with the interval above, "
        "which is when the service gives up too. 864000 with engine: embedded.",
    )
    display_name_prefix: DisplayPrefix = Field(
        default="pagewave", description="First part of a batch's name at the service."
    )
    reconcile_seconds: Float = Field(
        default=300.0,
        ge=0,
        le=86_400,
        description="Seconds for which a batch, or its results, that the service does not show "
        "are looked for before its pages are sent again.",
    )
    retry_pause_seconds: Float = Field(
        default=60.0,
        ge=0,
        le=3600,
        description="Seconds to wait when the quota is used up (429) or a whole batch failed; "
        "each further time doubles them, up to 15 times as long. 0.2 with engine: embedded.",
    )
    quota_seconds: Float = Field(
        default=604_800.0,
        ge=0,
        le=2_592_000,
        description="Seconds for which a used-up quota is waited for before the run ends; "
        "cancelled batches were seen to hold it for days.",
    )
    cancel_seconds: Float = Field(
        default=86_400.0,
        ge=0,
        le=604_800,
        description="Seconds for which the end of a cancelled batch is awaited before its pages "
        "are sent again. Should it end later, what it brings is kept.",
    )
    outage_seconds: Float = Field(
        default=3600.0,
        ge=0,
        le=604_800,
        description="Seconds for which an unreachable service is waited out before the run ends. "
        "Batches in flight lose nothing.",
    )
    api_version: Literal["v1beta", "v1", "v1alpha"] = Field(
        default="v1beta", description="Version of the Gemini API."
    )


class Files(Section):
    """How images and requests are uploaded."""

    upload_retry_attempts: Int = Field(
        default=5,
        ge=1,
        le=100,
        description="Tries for one upload, the first included. An outage of the whole service "
        "uses up none: it is waited out.",
    )
    upload_retry_backoff_seconds: Float = Field(
        default=2.0,
        ge=0,
        le=600,
        description="Seconds before the second try; each further one doubles it.",
    )
    processing_seconds: Float = Field(
        default=600.0,
        ge=0,
        le=86_400,
        description="Seconds for which the service may process an upload before it is sent anew.",
    )
    upload_concurrency: Int = Field(default=4, ge=1, le=64, description="Uploads at the same time.")
    timeout_seconds: Float = Field(
        default=120.0,
        gt=0,
        le=3600,
        description="Seconds after which a silent connection is given up.",
    )


class PromptChoice(Section):
    """Which version of which prompt is sent."""

    registry_dir: ConfigPath = Field(default=Path("prompts"), description="One folder a prompt.")
    name: FileName = Field(default="page_ocr", description="Folder in the registry.")
    template_file: FileName = Field(
        default="v1.1.jinja", description="Version: a template in that folder."
    )


class Retry(Section):
    """What a further attempt does differently: the same question mostly gets the same answer."""

    generation_config: list[GenerationOverrides] = Field(
        default=[GenerationOverrides(temperature=0.4), GenerationOverrides(temperature=0.8)],
        description="The second attempt takes the first entry, the third the second; the last "
        "repeats.",
    )
    after: dict[ErrorType, GenerationOverrides] = Field(
        default={
            "Truncated": GenerationOverrides(max_output_tokens=65_536),
            "Recitation": GenerationOverrides(temperature=1.0),
        },
        description="Changes after a certain error, on top of the above; they stay for all "
        "further attempts.",
    )


class Quality(Section):
    """What becomes of an answer that is valid but may not be what the page says."""

    repetition: GuardAction = Field(
        default="fail", description="The same words over and over, filling half a page."
    )
    echo: GuardAction = Field(
        default="fail",
        description="Mostly what the prompt quoted of the page before, or the page's key.",
    )
    empty_on_ink: GuardAction = Field(
        default="fail", description="No text, though the image has print."
    )
    text_on_blank: GuardAction = Field(
        default="flag", description="Text, though the image is blank paper."
    )


class Price(Section):
    """USD per million tokens in a batch."""

    input: Float = Field(ge=0, description="USD per million tokens sent.")
    output: Float = Field(ge=0, description="USD per million tokens answered, thoughts included.")
    cached_input: Float | None = Field(
        default=None,
        ge=0,
        description="USD per million tokens that the service had in its cache; null: a fifth of "
        "`input`.",
    )


# Half of the interactive prices of ai.google.dev/gemini-api/docs/pricing for prompts up to
# 200,000 tokens. Gemini 3.8 Flash is at its introductory price, which doubles on 2027-01-01.
BATCH_PRICES = {
    "gemini-2.5-flash-lite": Price(input=0.05, output=0.20),
    "gemini-2.5-flash": Price(input=0.15, output=1.25),
    "gemini-2.5-pro": Price(input=0.625, output=5.00),
    "gemini-3-flash-preview": Price(input=0.25, output=1.50),
    "gemini-3-pro-preview": Price(input=1.00, output=6.00),
    "gemini-3.1-flash-lite": Price(input=0.125, output=0.75),
    "gemini-3.1-pro-preview": Price(input=1.00, output=6.00),
    "gemini-3.5-flash-lite": Price(input=0.15, output=1.25),
    "gemini-3.5-flash": Price(input=0.75, output=4.50),
    "gemini-3.8-flash": Price(input=0.375, output=1.875),
}


def _with_known_prices(value: object) -> object:
    if value is None:
        return BATCH_PRICES
    return {**BATCH_PRICES, **value} if isinstance(value, Mapping) else value


class Pricing(Section):
    """What tokens cost, to show the price before it is paid."""

    as_of: datetime.date = Field(
        default=datetime.date(2026, 10, 7), description="Day on which the prices were looked up."
    )
    output_tokens_per_page: Int | None = Field(
        default=None,
        ge=1,
        le=65_536,
        description="Tokens expected in an answer (with thoughts) before any page was read with "
        "this model and prompt; null: guessed from how much is printed on the pages. Once ten were "
        "read, what they took counts.",
    )
    batch_usd_per_million_tokens: Annotated[
        dict[str, Price], BeforeValidator(_with_known_prices)
    ] = Field(
        default=BATCH_PRICES,
        description="Prices by model, added to the shipped ones. A model without a price is read "
        "all the same, its price shown as unknown.",
    )


class Embedded(Section):
    """The reader on this machine (`engine: embedded`)."""

    reader: Literal["ocr", "echo"] = Field(
        default="ocr",
        description="ocr reads with Tesseract; echo answers at once with the page's key.",
    )
    workers: Int = Field(default=2, ge=1, le=256, description="Pages read at the same time.")
    batch_seconds: Float = Field(
        default=0.0,
        ge=0,
        le=86_400,
        description="Least seconds a batch takes, to act like the service.",
    )
    faults: list[str] = Field(
        default=[],
        description="Failures to play, for trying things out and tests; `python -m "
        "pagewave.embedded --help` lists them.",
    )


class Tracking(Section):
    """How attempts are logged to Braintrust, where its key and project are set."""

    keep_rows: bool = Field(
        default=True,
        description="true: while Braintrust is not configured, attempts are noted all the same, "
        "so that they can be sent later.",
    )
    interval_seconds: Float = Field(
        default=30.0,
        gt=0,
        le=3600,
        description="Seconds for which rows are gathered while a run goes on, before they are "
        "sent together.",
    )
    timeout_seconds: Float = Field(
        default=10.0,
        gt=0,
        le=600,
        description="Seconds after which a silent Braintrust is left alone for a while.",
    )
    wait_at_end_seconds: Float = Field(
        default=10.0,
        ge=0,
        le=3600,
        description="Most seconds that a run takes at its end for rows not sent yet; the next run "
        "sends the rest.",
    )
