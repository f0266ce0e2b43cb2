"""What a run says before it starts: what it reads again, and what it leaves as it is."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from .dataset import Page
from .demand import Demand
from .workbench import Workbench

LISTED_BOOKS = 3
LISTED_KEYS = 5


def notices(bench: Workbench, demand: Demand) -> list[str]:
    """A line for each reason to read pages again, and for those that are not read though wanted."""
    lines = [
        f"{_pages(number)} read again: {reason}."
        for reason, number in Counter(demand.reasons.values()).items()
    ]
    if demand.blocked:
        lines.append(_dead_letters(bench, demand))
    settled = set(demand.keys)
    outdated = _outdated(bench, (page for page in bench.dataset.pages if page.key not in settled))
    if outdated:
        number = sum(map(len, outdated.values()))
        made_with = ", ".join(f"{name}: {len(pages)}" for name, pages in sorted(outdated.items()))
        lines.append(
            f"{_pages(number)} read before with another prompt or model ({made_with}), and left as "
            f"they are. To read them again: {_command(bench, outdated.values())}"
        )
    return lines


def _dead_letters(bench: Workbench, demand: Demand) -> str:
    """The dead letters that a command wants, and what waits for them."""
    dead = sorted(bench.dead_letters() & set(demand.blocked))
    waiting = len(demand.blocked) - len(dead)
    return (
        f"{_pages(len(dead))} not sent again, dead letters: {_listed(dead, LISTED_KEYS)}."
        + (f" {_pages(waiting)} behind them wait{'s' if waiting == 1 else ''}." if waiting else "")
        + " To try them again: python scripts/clear_failure_counts.py"
    )


def _outdated(bench: Workbench, pages: Iterable[Page]) -> dict[str, list[Page]]:
    """Pages on file that were read with another prompt or model than the config names."""
    origins, templates = bench.ledger.origins_of_pages(), bench.ledger.prompt_names()
    found: dict[str, list[Page]] = defaultdict(list)
    for page in pages:
        origin = origins.get(page.key)
        if origin is None:
            continue
        # The embedded reader has no model, whatever the config says.
        other_model = origin.engine == "gemini" and origin.model != bench.settings.model.name
        if other_model or origin.prompt_sha256 != bench.prompt.sha256:
            prompt = templates[origin.prompt_sha256]
            name = f"{prompt}, {origin.model}" if origin.engine == "gemini" else prompt
            found[name].append(page)
    return found


def _command(bench: Workbench, pages: Iterable[list[Page]]) -> str:
    """The command that reads these pages' books again."""
    books = sorted({page.book_id for group in pages for page in group})
    files = [f'"{bench.book_files(bench.dataset.book(book_id))[0]}"' for book_id in books]
    more = f" … (and {len(files) - LISTED_BOOKS} more books)" if len(files) > LISTED_BOOKS else ""
    return f"snakemake --profile profiles/local -F {' '.join(files[:LISTED_BOOKS])}{more}"


def _listed(keys: Sequence[str], most: int) -> str:
    more = f" and {len(keys) - most} more" if len(keys) > most else ""
    return ", ".join(keys[:most]) + more


def _pages(number: int) -> str:
    return f"{number} page{'' if number == 1 else 's'}"
