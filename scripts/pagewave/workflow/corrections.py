"""What a run does about files that people changed: what it says of them, and when it keeps them.

They are kept before anything is made or deleted: when a run begins, right before a page or a book
is written, and before Snakemake deletes outputs.
"""

import itertools
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pagewave.command_line import script
from pagewave.errors import DataError
from pagewave.log import emit, log
from pagewave.pages.correction import Correction, Finding, Kind
from pagewave.pages.dataset import Book, Page
from pagewave.pages.json_files import is_as_noted, problem_of
from pagewave.plan.outdated import behind_corrections, command_to_read_again, reading_again
from pagewave.plan.targets import Wanted
from pagewave.wording import command_to_correct, count, dollars, few
from pagewave.workspace import Workspace

LISTED_KEYS = 5
BEHIND = "--behind-corrections"
"""How `pagewave pages` is told to list pages that know an uncorrected page before them."""
EDITED = ".edited"
"""Ends the name of a copy of a book's file that somebody had changed."""


# Before a run


def refuse_unreadable(workspace: Workspace, findings: Sequence[Finding], wanted: Wanted) -> None:
    """Make sure that no page file has to be read or written that nobody can read, and that none
    is to be told to the page behind it that is no page by the prompt's page model.

    Raises:
        DataError: one has; names them all.
    """
    dataset = workspace.dataset
    needed = {dataset.page(key) for key in wanted.keys}
    told = {before for page in needed if (before := dataset.previous(page))}
    needed |= told
    if broken := [
        each for each in findings if each.kind == Kind.UNREADABLE and each.page in needed
    ]:
        lines = "\n".join(f"  {_unreadable(workspace, each)}" for each in broken)
        raise DataError(
            f"Page files that this command needs can't be read; nothing was sent:\n{lines}\n"
            "They stay as they are. Put them in order, then run the same command again."
        )
    corrected = workspace.corrections.corrected(list(dataset.pages), findings)
    if invalid := _invalid(workspace, [page for page in corrected if page in told]):
        raise DataError(
            "Pages behind these can't be asked for; nothing was sent:\n  "
            + "\n  ".join(invalid)
            + f"\nOr discard them: {command_to_correct('--discard')} KEY"
        )


def notices(workspace: Workspace, findings: Sequence[Finding], wanted: Wanted) -> list[str]:
    """A line for each thing to know about pages that a person changed or corrected."""
    lines = []
    for finding in findings:
        if finding.kind == Kind.EDITED:
            correction = workspace.corrections.correction_for(finding)
            lines.append(
                f"{finding.page.key} was changed by hand ({_few(correction.fields_changed)}): kept "
                f"as a correction in {workspace.corrections.file(finding.page)}, which overrides "
                "what was read."
            )
        elif finding.kind == Kind.RESTORED:
            lines.append(
                f"{finding.page.key} says again what was read: its correction ends (it is kept as "
                f"{workspace.corrections.file(finding.page)}.ended)."
            )
        elif finding.kind == Kind.UNREADABLE:
            discard = command_to_correct("--discard", finding.page.key)
            lines.append(
                f"{_unreadable(workspace, finding)}. It stays as it is; put it in order there. To "
                f"have what was read put back: {discard}"
            )
    if unknown := [each.page.key for each in findings if each.kind == Kind.UNKNOWN]:
        lines.append(
            f"{count(len(unknown), 'page file')} of which the ledger knows nothing: "
            f"{_few(unknown)}. They stay as they are and count as read. When they are read again, "
            "they are kept as corrections first."
        )
    corrected = workspace.corrections.corrected(list(workspace.dataset.pages), findings)
    if not corrected:
        return lines
    lines.append(
        f"{count(len(corrected), 'page')} corrected by hand: "
        f"{_few([page.key for page in corrected])}. To see how: {command_to_correct()}"
    )
    again = {page.key for page in corrected} & {key for c in wanted.chains for key in c}
    if again:
        lines.append(
            f"{count(len(again), 'corrected page')} read again ({_few(sorted(again))}): that is "
            "paid for, and their files keep the corrections."
        )
    lines += _invalid(workspace, corrected)
    lines += _behind(workspace, corrected, wanted)
    return lines


def _unreadable(workspace: Workspace, finding: Finding) -> str:
    return f"{workspace.page_file(finding.page)}, {finding.problem}"


def _invalid(workspace: Workspace, corrected: Iterable[Page]) -> list[str]:
    """Corrections that are not what the prompt's page model says, as of an earlier prompt."""
    lines = []
    for page in corrected:
        try:
            workspace.read_page(page)
        except DataError as error:
            cause = error.__cause__
            what = problem_of(cause) if isinstance(cause, ValueError) else str(error)
            lines.append(
                f"{page.key}: its correction is not what {workspace.prompt.name}/page.py says of a "
                f"page ({what}). It is kept; its book can't be made until it is put in order in "
                f"{workspace.page_file(page)}."
            )
    return lines


def _behind(workspace: Workspace, corrected: Sequence[Page], wanted: Wanted) -> list[str]:
    asked_for = set(wanted.keys)
    pages = [page for page in behind_corrections(workspace, corrected) if page.key not in asked_for]
    if not pages:
        return []
    price = reading_again(workspace, pages)
    listing = script("pages", BEHIND)
    again = command_to_read_again(workspace, pages, [BEHIND])
    return [
        f"{count(len(pages), 'page')} read with what the page before said until it was corrected "
        f"({_few([page.key for page in pages])}), and left as they are. Reading them again: about "
        f"{dollars(price.usd)} USD; {listing} lists them. To do it: {again}"
    ]


def _few(names: Sequence[str]) -> str:
    return few(names, LISTED_KEYS)


def files_behind(workspace: Workspace, findings: Iterable[Finding]) -> set[str]:
    """Files to be made again: of corrected pages that have none, and of the books that do not say
    what their pages say now."""
    kinds = (Kind.EDITED, Kind.RESTORED, Kind.OVERTAKEN)
    kept = workspace.corrections.kept(workspace.dataset.pages)
    gone = [page for page in kept if not workspace.page_file(page).exists()]
    changed = gone + [each.page for each in findings if each.kind in kinds]
    books = [workspace.dataset.book(book_id) for book_id in {page.book_id for page in changed}]
    files = [file for book in books for file in workspace.book_files(book)]
    return {str(file) for file in [*files, *(workspace.page_file(page) for page in gone)]}


# In a run


def take_in(workspace: Workspace) -> None:
    """Keep what people changed in page files since the last run; called when one begins."""
    pages = list(workspace.dataset.pages)
    _say(workspace, workspace.corrections.take_in(workspace.corrections.look(pages)))
    for page in workspace.corrections.match_ledger(pages):
        log.warning(
            "%s: its correction was gone, and is written again from the ledger (%s discards it)",
            workspace.corrections.file(page),
            command_to_correct("--discard", page.key),
        )


def take_in_book(workspace: Workspace, book: Book) -> None:
    """The same for one book's pages, right before it is put together.

    Raises:
        DataError: a page file was broken meanwhile.
    """
    corrections = workspace.corrections
    found = corrections.look(book.pages)
    _say(workspace, corrections.take_in(found))


def take_in_page(workspace: Workspace, page: Page) -> None:
    """The same for one page, right before its file is written.

    Raises:
        DataError: its file can't be read; it is not to be overwritten.
    """
    finding = workspace.corrections.look_at(page, is_overwritten=True)
    if finding and finding.kind == Kind.UNREADABLE:
        raise DataError(
            f"{_unreadable(workspace, finding)}. Somebody changed this page file, and it is not "
            "overwritten; what was read is in the ledger. Put it in order there, or have what was "
            f"read put back: {command_to_correct('--discard', page.key)}"
        )
    _say(workspace, workspace.corrections.take_in([finding] if finding else []))


def keep_before_deleting(workspace: Workspace) -> None:
    """Keep what people wrote before all outputs are deleted; the ledger is only looked at.

    Raises:
        DataError: a changed page file can't be read, so that its content would be lost.
    """
    findings = workspace.corrections.look(list(workspace.dataset.pages))
    if broken := [each for each in findings if each.kind == Kind.UNREADABLE]:
        lines = "\n".join(f"  {_unreadable(workspace, each)}" for each in broken)
        raise DataError(
            f"Changed page files can't be read, and would be lost; nothing was deleted:\n{lines}\n"
            "Put them in order there, or have what was read put back: "
            f"{command_to_correct('--discard', broken[0].page.key)}"
        )
    for finding in findings:
        if finding.kind == Kind.EDITED:
            workspace.corrections.keep(finding)
            log.info("%s", _kept(workspace, finding))
    for book in workspace.dataset.books:
        for path, copy in copies_of_edited(workspace, book).items():
            log.info("%s: changed by hand; kept as %s", path, copy)


def copies_of_edited(workspace: Workspace, book: Book) -> dict[Path, Path]:
    """Copy a book's files that somebody changed, before they are made anew; file to copy.

    They follow from the page files, where corrections belong. What a cluster wrote nobody noted.
    """
    copies = {}
    for path in workspace.book_files(book):
        noted = workspace.ledger.page_files.noted_of(book_file_name(book, path))
        if noted and path.exists() and not is_as_noted(path, noted):
            copies[path] = _free_name(path)
            shutil.copy2(path, copies[path])
    return copies


def tell_of_copies(copies: Mapping[Path, Path]) -> None:
    """Say which of a book's files somebody had changed, now that they may be made anew."""
    for path, copy in copies.items():
        if path.exists() and path.read_bytes() == copy.read_bytes():
            copy.unlink()  # a crash kept it from being noted, or it is not made anew
            continue
        log.warning(
            "%s was changed by hand, and is made of its pages again; kept as %s. What is corrected "
            "in page files stays",
            path,
            copy,
        )


def book_file_name(book: Book, path: Path) -> str:
    """The name under which it is noted what a book's file holds."""
    return f"{book.id}/{path.name}"


def _free_name(path: Path) -> Path:
    names = (f"{path.name}{EDITED}{f'-{n}' if n > 1 else ''}" for n in itertools.count(1))
    return next(copy for name in names if not (copy := path.with_name(name)).exists())


def _kept(workspace: Workspace, finding: Finding) -> str:
    file = workspace.corrections.file(finding.page)
    return f"{finding.page.key}: changed by hand; kept as a correction in {file}"


def _say(workspace: Workspace, done: Iterable[tuple[Finding, Correction | None]]) -> None:
    for finding, correction in done:
        page = finding.page
        if correction is None:
            emit("correction_ended", f"{page.key}: says again what was read", key=page.key)
        else:
            is_put_back = finding.kind == Kind.OVERTAKEN
            emit(
                "page_corrected",
                f"{page.key}: its correction is put into its file again"
                if is_put_back
                else _kept(workspace, finding),
                key=page.key,
                file=str(workspace.corrections.file(page)),
                fields=correction.fields_changed,
            )
