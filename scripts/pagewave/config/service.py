"""The sections on the services: how much is sent, how it is waited for, who is told of it.

`config/README.md` shows the same as tables, and a test keeps both in step. Units are part of a
key's name or of its description.
"""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from pagewave.config.models import Limits, limits
from pagewave.config.types import DeadlineValue, DisplayPrefix, Float, Int, Section

Transport = Literal["batch", "flex", "standard", "auto"]
"""How pages travel: in batches, in single calls of a tier, or as is quickest."""


class Execution(Section):
    """How much is sent, and how often."""

    max_retries: Int = Field(
        default=3,
        ge=1,
        le=100,
        description="Failed attempts after which a page is a dead letter: it is not sent again "
        "until `pagewave retry` clears its count.",
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
    transport: Transport = Field(
        default="batch",
        description="batch: pages of many books in one batch a wave. flex: one call a page, at the "
        "same price, page after page, answered in seconds to minutes where the service has room. "
        "standard: the same at twice the price. auto: for each wave what is quickest at the price "
        "of a batch: flex, or batch while flex refuses or the day's calls are used up.",
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
    in_flight: Literal["collect", "replace"] = Field(
        default="collect",
        description="Pages in flight that were asked with other settings than today's (model, "
        "temperature, prompt). collect: their answers are taken. replace: they are asked again, "
        "which is paid as well.",
    )
    other_key: Literal["stop", "go_on"] = Field(
        default="stop",
        description="What is in flight was sent with another key and is not seen with this one. "
        "stop: nothing is sent. go_on: its pages are paid for once more, and it is collected when "
        "its key is back.",
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
    deadline: DeadlineValue | None = Field(
        default=None,
        description="When all is to be read, with `transport: auto`: hours from the beginning of a "
        "run, or a date or time of this computer's zone. The longest lanes go by standard, at "
        "twice the price, while a budget (which it needs) holds that beside all that is left.",
    )
    dry_run: bool = Field(
        default=False, description="true: show waves, pages, tokens and price, send nothing."
    )
    state_access: Literal["owner", "group"] = Field(
        default="owner",
        description="Who may read and write what is in `paths.state_dir`, which holds all that was "
        "sent and read: you alone, or your group too.",
    )
    allow_network_state: bool = Field(
        default=False,
        description="true: `paths.state_dir` may be on a network file system, at your own risk.",
    )

    @property
    def expected_road(self) -> Literal["batch", "flex", "standard"]:
        """What forecasts count with: the transport; of `auto` flex, which it prefers."""
        return "flex" if self.transport == "auto" else self.transport


class Batch(Section):
    """How batches are named and waited for."""

    poll_interval_seconds: Float = Field(
        default=30.0,
        gt=0,
        le=3600,
        description="Most seconds between two looks at a batch, which are closer together when "
        "batches like it usually end; 0.2 with engine: embedded.",
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
        description="Seconds to wait when the quota is used up (429), a whole batch failed, the "
        "service failed a page by itself, or an image is gone; each further time doubles them, up "
        "to 15 times as long. 0.2 with engine: embedded.",
    )
    quota_seconds: Float = Field(
        default=604_800.0,
        ge=0,
        le=2_592_000,
        description="Seconds for which a used-up quota, of batches or of room for uploads, is "
        "waited for before the run ends; cancelled batches were seen to hold it for days.",
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
        description="Seconds for which an unreachable service, or one that fails pages by itself, "
        "is waited out before the run ends. Batches in flight lose nothing.",
    )
    enqueued_tokens: Int | None = Field(
        default=None,
        ge=1,
        description="Input tokens that all batches in flight may have together: the limit of your "
        "tier for the model. A batch beyond it waits for others to end, and is not refused (429). "
        "null: with engine: gemini what the model allows in tier 1.",
    )
    api_version: Literal["v1beta", "v1", "v1alpha"] = Field(
        default="v1beta", description="Version of the Gemini API."
    )


class Calls(Section):
    """How single calls are made (`execution.transport: flex`, `standard` or `auto`)."""

    in_flight: Int = Field(
        default=64,
        ge=1,
        le=1000,
        description="Most calls in flight at once, of all lanes. A run begins with fewer, has one "
        "more with each answer, and half as many when calls are refused.",
    )
    timeout_seconds: Float = Field(
        default=900.0,
        gt=0,
        le=3600,
        description="Seconds after which a call without an answer is given up; the service is told "
        "the same. Its answer may have been paid for.",
    )
    stop_seconds: Float = Field(
        default=60.0,
        ge=0,
        le=3600,
        description="Seconds for which a run that is told to stop waits for the calls in flight: "
        "what they bring is paid for. A second Ctrl-C ends it at once.",
    )
    retry_pause_seconds: Float = Field(
        default=5.0,
        ge=0,
        le=600,
        description="Seconds for which a call waits that the service refuses for now (503), and "
        "all do when a limit is used up (429) or several are refused one after another; each "
        "further time doubles them, up to 12 times as long. 0.05 with engine: embedded.",
    )
    wave_seconds: Float | None = Field(
        default=None,
        ge=0,
        le=86_400,
        description="Seconds for which a wave goes on with the next pages of its chains; a call "
        "that has begun is waited for. null: 60 times as long as a call takes, between 15 minutes "
        "and 2 hours.",
    )
    requests_per_minute: Int | None = Field(
        default=None, ge=1, description="Most calls begun in a minute; null: as the model allows."
    )
    tokens_per_minute: Int | None = Field(
        default=None,
        ge=1,
        description="Most tokens sent in a minute, as expected; null: as the model allows.",
    )
    requests_per_day: Int | None = Field(
        default=None,
        ge=1,
        description="Most calls begun in a day, which begins at midnight in California; null: as "
        "the model allows.",
    )

    def limits(self, model: str) -> Limits:
        """What calls of a model may use: as given here, else as the table of models knows."""
        known = limits(model)
        return Limits(
            requests_per_minute=self.requests_per_minute or known.requests_per_minute,
            tokens_per_minute=self.tokens_per_minute or known.tokens_per_minute,
            requests_per_day=self.requests_per_day or known.requests_per_day,
        )


class Files(Section):
    """How images and requests are uploaded."""

    images: Literal["auto", "inline", "uploaded"] = Field(
        default="auto",
        description="How a batch's images are sent. uploaded: each as a file of its own. inline: "
        "inside of the file of its requests, as far as the service's limits allow. auto: inline "
        "while that is quick and taken, else uploaded.",
    )
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
    call_seconds: Float = Field(
        default=0.0,
        ge=0,
        le=86_400,
        description="Seconds that half of the calls take, to act like the service.",
    )
    call_sigma: Float = Field(
        default=0.8,
        ge=0,
        le=5,
        description="How far calls differ in that: sigma of a log-normal distribution.",
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


def is_web_address(text: str) -> bool:
    """Can this be posted to?"""
    try:
        address = urlsplit(text)
        return address.scheme in ("http", "https") and bool(address.hostname)
    except ValueError:
        return False


def _web_address(value: SecretStr) -> SecretStr:
    if not is_web_address(value.get_secret_value()):
        raise ValueError("expected an address that begins with https://")
    return value


WebAddress = Annotated[SecretStr, AfterValidator(_web_address)]


class Notify(Section):
    """Whom a run tells when it ends, when its budget stops it, and of a batch that takes long."""

    webhook: WebAddress | None = Field(
        default=None,
        description="Address that events are posted to; kept like a key. Better placed in "
        "PAGEWAVE_WEBHOOK (environment or `.env`), which wins.",
    )
    batch_older_than_hours: Float | None = Field(
        default=24.0,
        gt=0,
        le=168,
        description="Hours after which a batch that has not ended is told of; null: never.",
    )
    timeout_seconds: Float = Field(
        default=10.0,
        gt=0,
        le=600,
        description="Seconds after which a silent webhook is tried again.",
    )
    wait_at_end_seconds: Float = Field(
        default=10.0,
        ge=0,
        le=3600,
        description="Most seconds that a run takes at its end for events not taken yet.",
    )
