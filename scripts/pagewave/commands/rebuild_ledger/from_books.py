"""Answers that book files tell of, each with the batch, prompt and settings it came from."""

import contextlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pagewave.config.other_model import CALL_TIERS
from pagewave.config.settings import Settings
from pagewave.errors import ConfigError, DataError
from pagewave.ledger import BY_BATCH, Attempt, Flag, Ledger, Record, Served
from pagewave.prompts.registry import found_registry, load_prompt, versions
from pagewave.prompts.schema import canonical_json
from pagewave.workspace import Workspace

RUN = "rebuilt"
"""The run of batches of which only books tell."""
BATCH_NAMES = "batches/"
"""How the service's names of batches begin; a single call has none."""


@dataclass(frozen=True)
class PastAnswer:
    """An answer in a book: its page (JSON), its record, and where it came from."""

    key: str
    batch: str
    page: str
    record: Record
    provenance: dict[str, Any]

    @property
    def read_at(self) -> float:
        """Unix seconds."""
        return datetime.fromisoformat(self.provenance["read_at"]).timestamp()


def past_answers(workspace: Workspace) -> tuple[list[PastAnswer], list[str]]:
    """All answers with provenance in the books of the data set, and books that can't be read."""
    answers: list[PastAnswer] = []
    unreadable = []
    for book in workspace.dataset.books:
        file = workspace.book_files(book)[0]
        if not file.exists():
            continue
        try:
            entries = json.loads(file.read_bytes())["pages"]
            told = [entry for entry in entries if entry["provenance"]]
            read = [(entry, _read(workspace, entry)) for entry in told]
            answers += [_answer(workspace, entry, page) for entry, page in read if page is not None]
        except (OSError, ValueError, KeyError, TypeError):
            unreadable.append(str(file))
    return answers, unreadable


def add_batches_of(
    ledger: Ledger, settings: Settings, answers: Iterable[PastAnswer]
) -> tuple[int, int]:
    """Add the batches that the ledger lacks with their answers; returns the numbers of both."""
    known = {batch.name for batch in ledger.batches.all()}
    by_batch: dict[str, dict[str, PastAnswer]] = {}
    for answer in sorted(answers, key=lambda answer: answer.read_at):
        if answer.batch not in known:
            # Pages that asked the very same share one answer: it was paid for once.
            by_batch.setdefault(answer.batch, {}).setdefault(answer.record.fingerprint, answer)
    for name, shared in by_batch.items():
        found = list(shared.values())
        told, at = found[0].provenance, found[0].read_at
        model = told["model"] or told["model_asked"]
        with ledger.transaction():
            ledger.runs.add_past(RUN, told["engine"], model, at)
            batch = ledger.batches.add_intent(
                display_name=f"{RUN}-{name}",
                engine=told["engine"],
                model=model,
                prompt_sha256=add_prompt(ledger, settings, found[0]),
                run_id=RUN,
                lane=0,
                wave=0,
                records=[answer.record for answer in found],
                transport=_transport(told),
            )
            ledger.batches.mark_found(batch.id, name, at)
            ledger.answers.commit(batch.id, "SUCCEEDED", None, list(map(_attempt, found)), [], at)
    return len(by_batch), sum(map(len, by_batch.values()))


def _transport(told: dict[str, Any]) -> str:
    """By which road an answer came: older books tell only the tier that served it, and no batch's
    line names one."""
    given, tier = told.get("transport"), told.get("service_tier")
    is_call = tier in CALL_TIERS and not str(told["batch"]).startswith(BATCH_NAMES)
    return str(given or (tier if is_call else BY_BATCH))


def add_prompt(ledger: Ledger, settings: Settings, answer: PastAnswer) -> str:
    """Write down the prompt of an answer, with its text if the registry still has it; its hash."""
    told = answer.provenance
    name, sha256 = str(told["prompt_name"]), str(told["prompt_sha256"])
    if ledger.files.template(sha256) is None:
        source = _template(settings.prompt.registry_dir, name, sha256)
        ledger.files.add_prompt(sha256, name, str(told["prompt_template"]), source)
    return sha256


def _template(registry: Path, name: str, sha256: str) -> str:
    """The text of a template by its hash; "" where the registry has it no more."""
    for file in versions(found_registry(registry, name) / name):
        with contextlib.suppress(ConfigError):
            prompt = load_prompt(registry, name, file)
            if prompt.sha256 == sha256:
                return prompt.source
    return ""


def _read(workspace: Workspace, entry: dict[str, Any]) -> Any:
    """The page of a book's entry as it was read; None where only its correction is known."""
    if not entry.get("corrected"):
        return entry["page"]
    with contextlib.suppress(DataError):
        correction = workspace.corrections.of(workspace.dataset.page(entry["key"]))
        told = entry["provenance"]
        corrects = correction.corrects if correction else None
        if correction and corrects and corrects.batch == told["batch"]:
            return correction.read
    return None


def _answer(workspace: Workspace, entry: dict[str, Any], read: Any) -> PastAnswer:
    told = entry["provenance"]
    record = Record(
        key=entry["key"],
        fingerprint=told["fingerprint"],
        attempt_number=told["attempt"],
        previous_context=None,
        generation_config=canonical_json(told["generation_config"]),
        image=told.get("image", entry["image"]),
        image_sha256=told["image_sha256"],
    )
    page = workspace.prompt.page_model.model_validate(read).model_dump_json()
    return PastAnswer(entry["key"], told["batch"], page, record, told)


def _attempt(answer: PastAnswer) -> Attempt:
    told = answer.provenance
    return Attempt(
        key=answer.key,
        number=told["attempt"],
        fingerprint=told["fingerprint"],
        page=answer.page,
        finish_reason=None,
        prompt_tokens=told["prompt_tokens"],
        output_tokens=told["output_tokens"],
        thoughts_tokens=told["thoughts_tokens"],
        cached_tokens=told["cached_tokens"],
        usd=told["usd"],
        flags=[Flag(**flag) for flag in told.get("flags", [])],
        served=Served(
            model=told.get("model_served"),
            stage=told.get("model_stage"),
            tier=told.get("service_tier"),
        ),
    )
