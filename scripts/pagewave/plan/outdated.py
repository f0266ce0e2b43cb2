"""Which prompt, model and engine read each page on file, and what reading it again would cost."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from pagewave.command_line import script, snakemake
from pagewave.config.models import is_other_model
from pagewave.config.settings import Settings
from pagewave.errors import DataError
from pagewave.ledger import Ledger, UsedTemplate
from pagewave.pages.dataset import Page
from pagewave.pages.pictures_before import was_another_picture
from pagewave.plan.estimates import estimator
from pagewave.plan.forecast import WaveForecast, expected_tokens, forecast_of
from pagewave.prompts.registry import TEMPLATE_SUFFIX, template_sha256
from pagewave.workspace import Workspace

PASTED_FILES = 3
"""Up to so many files a command names itself; more come from `pagewave pages` through a pipe."""


@dataclass(frozen=True)
class PageOrigin:
    """How the answer in one page file came about; `read_at` in Unix seconds.

    `model` is None for the embedded reader, which has none, whatever the config says; `served_by`
    is the model that the answer itself names, None where it names none, and `asked` the one that
    the configuration named. `usd` is None
    where the model's price was not known. `prompt` is the template as it was named when it was
    first used, such as `page_ocr/v1.jinja`.
    """

    key: str
    engine: str
    model: str | None
    prompt: str
    prompt_sha256: str
    read_at: float
    run: str
    batch: str | None
    attempt: int
    input_tokens: int
    output_tokens: int
    usd: float | None
    image_sha256: str
    served_by: str | None = None
    asked: str = ""

    @property
    def prompt_version(self) -> str:
        """The template's name without folder and suffix, such as `v1.1`."""
        return self.prompt.rpartition("/")[2].removesuffix(TEMPLATE_SUFFIX)

    @property
    def made_with(self) -> str:
        """Prompt and model in a few words."""
        return f"{self.prompt}, {self.model}" if self.model else self.prompt


def pages_on_file(ledger: Ledger) -> list[PageOrigin]:
    """The origin of every page file that was written from the ledger, book by book, by number."""
    levels = ledger.identity.levels()
    found = [
        PageOrigin(
            key=row["key"],
            engine=row["engine"],
            model=row["model"] if row["engine"] == "gemini" else None,
            prompt=f"{row['prompt_name']}/{row['prompt_template']}",
            prompt_sha256=row["prompt_sha256"],
            read_at=row["created_at"],
            run=row["run_id"],
            batch=row["batch"],
            attempt=row["attempt"],
            input_tokens=row["prompt_tokens"],
            output_tokens=row["output_tokens"] + row["thoughts_tokens"],
            usd=row["usd"],
            image_sha256=row["image_sha256"],
            asked=row["model"],
            served_by=_served_by(row["engine"], row["model"], row["model_served"]),
        )
        for row in ledger.files.provenance()
    ]
    return sorted(found, key=lambda origin: levels.order(origin.key))


def _served_by(engine: str, asked: str, served: str | None) -> str | None:
    # The embedded server gives back the name that it was asked for, unless it is told otherwise.
    return None if engine == "embedded" and served == asked else served


def is_outdated(workspace: Workspace, origin: PageOrigin) -> bool:
    """Was the page read with another prompt or model than the configuration names?"""
    settings = workspace.settings
    # A retry may have asked another model, as it is configured to.
    other_model = origin.model not in (None, settings.model.name, *settings.retry.models)
    return other_model or origin.prompt_sha256 != workspace.prompt.sha256


def is_served_otherwise(origin: PageOrigin) -> bool:
    """Did another model answer than was asked for?"""
    asked, served = origin.asked, origin.served_by
    return served is not None and is_other_model(asked, served)


def of_other_pictures(workspace: Workspace, origins: Iterable[PageOrigin]) -> set[str]:
    """Keys of pages that were read from another picture than would be sent of their scan today."""
    pages = {page.key: page for page in workspace.dataset.pages}
    images, made_of = workspace.images, workspace.ledger.files.prepared_from()
    return {
        origin.key
        for origin in origins
        if (page := pages.get(origin.key))
        and was_another_picture(images, page, origin.image_sha256, made_of)
    }


def behind_corrections(workspace: Workspace, corrected: Collection[Page]) -> list[Page]:
    """Pages that were told something else of the page before than it says since its correction.

    Pages that are corrected themselves are not among them: their files would stay the same.
    """
    corrected, dataset = set(corrected), workspace.dataset
    before = {page: dataset.previous(page) for page in dataset.pages} if corrected else {}
    return [
        page
        for page, previous in before.items()
        if previous in corrected and page not in corrected and _is_told_otherwise(workspace, page)
    ]


def _is_told_otherwise(workspace: Workspace, page: Page) -> bool:
    """Would the page's prompt say something else of the page before than it did?"""
    attempt = workspace.ledger.page_files.question(page.key)
    if attempt is None or not workspace.page_file(page).exists():
        return False  # not read yet, or by a person
    try:
        context = workspace.previous_context(page)
        if context == attempt.previous_context:
            return False
        # Of answers that a lost ledger had, it is not known what they were told.
        return workspace.request_after(page, context).fingerprint != attempt.fingerprint
    except DataError:  # others tell of it
        return False


def reading_again(workspace: Workspace, pages: Collection[Page]) -> WaveForecast:
    """What reading these pages again will cost with the prompt and model of today."""
    expected = estimator(workspace)
    return forecast_of(
        workspace.settings, pages, [expected_tokens(expected, page) for page in pages]
    )


def command_to_read_again(
    workspace: Workspace, pages: Sequence[Page], listing: Iterable[str]
) -> str:
    """A command for the shell that reads these pages again, and no others.

    Args:
        listing: the arguments with which `pagewave pages` lists these pages.
    """
    if len(pages) <= PASTED_FILES:
        files = [str(workspace.page_file(page)) for page in pages]
        return snakemake("--force", *files)
    listed = script("pages", *listing, "--print0")
    return f"{listed} | xargs -0 {snakemake('--force', there=False)}"


def edited_prompts(ledger: Ledger, settings: Settings) -> list[str]:
    """A line for each version of a prompt whose text is not the one it had when first used."""
    first: dict[tuple[str, str], UsedTemplate] = {}
    for used in ledger.files.used_templates():
        first.setdefault((used.name, used.template_file), used)
    registry = settings.prompt.registry_dir
    return [
        f"{registry / name / file} was edited after it was used: a version that was used never "
        f"changes. Give the new text a file of its own, and put the old one back (from git, or "
        f"from the ledger: table prompt, sha256 {used.sha256[:12]}…)."
        for (name, file), used in first.items()
        if template_sha256(registry, name, file) not in (used.sha256, None)
    ]
