"""What is in flight and was asked with other settings: how much, and what becomes of it.

A batch's display name holds the recipe of its requests: model, settings, schema and template.
"""

from collections import defaultdict
from collections.abc import Container
from dataclasses import dataclass

from pagewave.errors import DataError
from pagewave.ledger import COMPARISON_MARK, Record
from pagewave.prompts.request import recipe, recipe_in
from pagewave.workspace import Workspace


@dataclass(frozen=True)
class AskedOtherwise:
    """Pages in flight that were asked in one other way; `usd` is what they were expected to cost.

    `is_taken`: their answers are taken as the pages'; else the pages are asked again.
    """

    made_with: str
    pages: int
    usd: float | None
    is_taken: bool


def asked_otherwise(workspace: Workspace, wanted: Container[str]) -> list[AskedOtherwise]:
    """The pages among `wanted` (keys) that are in flight with other settings, by what those are."""
    ledger, prompt = workspace.ledger, workspace.prompt
    today = recipe(workspace.settings, prompt)
    rebuilds = ledger.runs.rebuilds()
    templates = {used.sha256: used for used in ledger.files.used_templates()}
    prices: dict[tuple[str, bool], dict[str, float | None]] = defaultdict(dict)
    for batch in ledger.batches.open(workspace.engine):
        if recipe_in(batch.display_name) in (today, None) or batch.run_id.endswith(COMPARISON_MARK):
            continue
        used = templates[batch.prompt_sha256]
        what = f"{batch.model}, {used.name}/{used.template_file}"
        is_taken = workspace.settings.execution.in_flight == "collect" and used.name == prompt.name
        for record in ledger.batches.records(batch.id):
            if record.key in wanted and batch.id > rebuilds.get(record.key, 0):
                is_same = is_taken and _is_image(workspace, record)
                prices[what, is_same][record.key] = record.expected_usd
    return [
        AskedOtherwise(what, len(of_pages), _sum(list(of_pages.values())), is_taken)
        for (what, is_taken), of_pages in sorted(prices.items())
    ]


def _is_image(workspace: Workspace, record: Record) -> bool:
    """Is a page's image the one that is in flight? Where that can't be told others complain."""
    try:
        facts = workspace.images.inspect(workspace.dataset.page(record.key))[1]
    except DataError:
        return True
    return facts.sha256 == record.image_sha256


def _sum(prices: list[float | None]) -> float | None:
    known = [price for price in prices if price is not None]
    return sum(known) if len(known) == len(prices) else None
