"""Where a page's values come from, link by link: scan, image, request, raw answer, page file or
correction, book, tables. Each link is looked at anew; nothing is sent, nothing written.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from pagewave.answers.halves import joined
from pagewave.answers.result_line import Answer, Failure, key_of, parse_line
from pagewave.commands.proof.tables import Link, State, Tables
from pagewave.errors import DataError, PagewaveError
from pagewave.exports.citing.check import Checked, check
from pagewave.halves import HALVES, split_line_key
from pagewave.ledger import LogRow
from pagewave.pages import image_files
from pagewave.pages.correction import Correction
from pagewave.pages.dataset import Page
from pagewave.pages.json_files import is_same, json_text
from pagewave.pages.prepare import make_image
from pagewave.prompts.numbered import is_numbered
from pagewave.prompts.registry import render_again
from pagewave.prompts.request import fingerprint, fingerprint_again
from pagewave.prompts.schema import response_schema
from pagewave.workspace import Workspace


class Prover:
    """Follows pages of one working directory; `rows` of tables are read once."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._ledger = workspace.ledger
        self._schema = response_schema(workspace.prompt.page_model)
        self._tables = Tables(workspace)
        self._checked: dict[Path, Checked] = {}
        self._books: dict[Path, tuple[dict[str, Any], set[str]]] = {}

    def links(self, page: Page) -> list[Link]:
        """All links of a page, from its scan to the tables."""
        found: list[Link] = []
        try:
            found.extend(self._links(page))
        except DataError as error:  # a correction, or a book, that can't be read
            found.append(Link("page file", "broken", str(error)))
        return found

    def values(self, page: Page, column: str) -> list[tuple[str, str]]:
        """What tables have in a column for a page, each with where the page's file has it.

        Args:
            column: a column, or `table.column`.

        Raises:
            DataError: there is no such column.
        """
        return self._tables.values(page, column)

    def _links(self, page: Page) -> Iterator[Link]:
        correction = self._workspace.corrections.of(page)
        attempt = self._attempt(page)
        if attempt is None:
            why = "the ledger knows no answer that this page's file was written from"
            yield Link("answer", "not shown", why)
        else:
            yield self._image(page, attempt)
            yield self._template(attempt)
            yield self._request(page, attempt)
            yield self._answer(attempt)
        yield self._page_file(page, attempt, correction)
        yield from self._book(page, attempt, correction)
        yield from self._tables.links(page)
        yield from self._package(page)

    def _attempt(self, page: Page) -> LogRow | None:
        """The attempt that the page's file holds, with its raw lines."""
        rows = self._ledger.files.provenance(page.key)
        if not rows:
            return None
        known = rows[0]
        text = self._ledger.answers.page(known["attempt_id"])
        return next(
            (
                row
                for row in self._ledger.outbox.attempts_of(page.key)
                if (row.fingerprint, row.batch_name, row.attempt_number, row.page)
                == (known["fingerprint"], known["batch"], known["attempt"], text)
            ),
            None,
        )

    def _image(self, page: Page, attempt: LogRow) -> Link:
        wanted, images = attempt.image_sha256, self._workspace.images
        try:
            scan = image_files.content(page.scan).sha256
            if scan == wanted:
                what = f"{page.scan} is what was sent (SHA-256 {wanted})"
                return Link("image", "shown", what)
            made = images.made_before(page)
            is_of_scan = made and (made.scan_sha256, made.leaf) == (scan, page.leaf)
            is_of_scan = is_of_scan or (wanted, scan, page.leaf) in self._made_of
            if not is_of_scan and any(image == wanted for image, _, _ in self._made_of):
                return Link("image", "broken", f"{page.scan} is not the scan that was read")
            if not is_of_scan and not images.needs_image(page):
                what = f"{page.scan} is not what was sent, which has the SHA-256 {wanted}"
                return Link("image", "broken", what)
            if made and is_of_scan:
                file = images.manifest_file(page.book_id).with_name(made.image)
                if _hash_of(file) == wanted:
                    what = f"{file}, made of {page.scan}, was sent (SHA-256 {wanted})"
                    return Link("image", "shown", what)
            again = make_image(page.scan, max(page.leaf, 1), images.options)
        except (DataError, OSError) as error:
            return Link("image", "not shown", f"{page.scan} is not to be read: {error}")
        if hashlib.sha256(again).hexdigest() == wanted:
            what = f"what was sent is made of {page.scan} again (SHA-256 {wanted})"
            return Link("image", "shown", what)
        what = f"the image that was sent (SHA-256 {wanted}) is gone, and another one would be made"
        return Link("image", "not shown", f"{what} of {page.scan} now")

    @cached_property
    def _made_of(self) -> set[tuple[str, str, int]]:
        return self._ledger.files.prepared_from()

    def _template(self, attempt: LogRow) -> Link:
        name = f"{attempt.prompt_name}/{attempt.template_file}"
        found = hashlib.sha256(attempt.template.encode()).hexdigest()
        if found != attempt.prompt_sha256:
            return Link("prompt", "broken", f"the template {name} has another hash in the ledger")
        return Link("prompt", "shown", f"{name} (SHA-256 {found})")

    def _request(self, page: Page, attempt: LogRow) -> Link:
        """Does what was asked come to the fingerprint under which the answer is kept?"""
        wanted, settings = attempt.fingerprint, self._workspace.settings
        contexts = [attempt.previous_context]
        if attempt.previous_context is None:
            with suppress(PagewaveError):  # what a rebuilt ledger doesn't know may still be there
                contexts.append(self._workspace.previous_context(page))
        firsts = [
            {name: getattr(row, name) for name in ("engine", "model", "generation_config")}
            for row in self._ledger.outbox.attempts_of(page.key)
            if row.fingerprint == wanted
        ]
        for context in contexts:
            text = render_again(attempt.template, context)
            given = (self._schema, text, attempt.image_sha256)
            found = [fingerprint(settings, *given)]
            found += [fingerprint_again(each, settings.embedded.reader, *given) for each in firsts]
            if wanted in found:
                what = "model, settings, schema, prompt, words of the page before and image come to"
                return Link("request", "shown", f"{what} the fingerprint {wanted}")
        what = "the page model, the reader or what is known of the page before is another by now"
        return Link("request", "not shown", f"the fingerprint {wanted} can't be made again: {what}")

    def _answer(self, attempt: LogRow) -> Link:
        batch = attempt.batch_name or attempt.display_name
        if not attempt.lines:
            return Link("answer", "not shown", f"the ledger has no raw line of {batch}")
        page = _understood(attempt, self._workspace)
        if isinstance(page, Failure):
            what = f"the raw line of {batch} is no answer to this version: {page.message}"
            return Link("answer", "broken", what)
        if not is_same(json.loads(page.page_json), json.loads(attempt.page or "null")):
            return Link("answer", "broken", f"the raw line of {batch} says something else")
        is_told = attempt.model_served and attempt.engine == "gemini"
        served = f" by {attempt.model_served}" if is_told else ""
        what = f"the raw line of {batch}{served}, attempt {attempt.attempt_number}"
        return Link("answer", "shown", what)

    def _page_file(self, page: Page, attempt: LogRow | None, correction: Correction | None) -> Link:
        path = self._workspace.page_file(page)
        try:
            value = json.loads(json_text(path.read_bytes()))
        except FileNotFoundError:
            return Link("page file", "not shown", f"{path} is not there: the page was not read")
        except (OSError, ValueError) as error:
            return Link("page file", "broken", f"{path} can't be read ({error})")
        if correction:
            file = self._workspace.corrections.file(page)
            if not is_same(value, correction.page):
                return Link("page file", "broken", f"{path} does not hold its correction, {file}")
            read = json.loads(attempt.page or "null") if attempt else None
            if correction.read is not None and not is_same(correction.read, read):
                what = f"{file} corrects another answer than the ledger has"
                return Link("page file", "broken", what)
            fields = ", ".join(correction.fields_changed) or "nothing"
            what = f"{path} was corrected by a person at {correction.corrected_at}: {fields}"
            return Link("page file", "shown", what)
        if attempt is None:
            return Link("page file", "not shown", f"nobody knows who wrote {path}")
        if not is_same(value, json.loads(attempt.page or "null")):
            what = f"{path} does not say what was read, and is no correction yet: a run takes it in"
            return Link("page file", "broken", what)
        return Link("page file", "shown", f"{path} is the answer")

    def _book(
        self, page: Page, attempt: LogRow | None, correction: Correction | None
    ) -> Iterator[Link]:
        path = self._workspace.book_files(self._workspace.dataset.book(page.book_id))[0]
        try:
            entry, is_missing = self._entry(path, page.key)
            value = json.loads(json_text(self._workspace.page_file(page).read_bytes()))
        except FileNotFoundError as error:
            yield Link("book", "not shown", f"{error.filename} is not made yet")
            return
        except (OSError, ValueError, KeyError, TypeError) as error:
            yield Link("book", "broken", f"{path} can't be read ({error})")
            return
        if entry is None:
            state: State = "not shown" if is_missing else "broken"
            yield Link("book", state, f"{path} does without this page")
            return
        known = entry.get("provenance") or {}
        model = self._workspace.prompt.page_model
        try:
            expected = model.model_validate(value).model_dump(mode="json")
        except ValueError:
            expected = value
        if not is_same(entry.get("page"), expected):
            yield Link("book", "broken", f"{path} says something else than the page's file")
        elif bool(entry.get("corrected")) != bool(correction):
            yield Link("book", "broken", f"{path} does not tell whether it was corrected")
        elif attempt and (
            any(
                known.get(name) != getattr(attempt, name)
                for name in ("fingerprint", "image_sha256", "prompt_sha256")
            )
            or _model(known.get("model_served"), attempt) != _model(attempt.model_served, attempt)
        ):
            yield Link("book", "broken", f"{path} names another answer than the ledger")
        else:
            yield Link("book", "shown", str(path))

    def _entry(self, path: Path, key: str) -> tuple[dict[str, Any] | None, bool]:
        """What a book's file has of a page, and whether it says that the page is missing."""
        if path not in self._books:
            content = json.loads(path.read_bytes())
            entries = {each["key"]: each for each in content["pages"]}
            missing = {each["key"] for each in content["missing"]}
            self._books = {path: (entries, missing)}  # one at a time: they are large
        entries, missing = self._books[path]
        return entries.get(key), key in missing

    def _package(self, page: Page) -> Iterator[Link]:
        """Does the data package, if there is one, have what the book has, and agree with itself?"""
        paths = self._workspace.settings.paths
        path = paths.exports_dir / "crate" / "books.zip"
        if not path.exists():
            return
        if path not in self._checked:
            keys = [each.key for each in self._workspace.dataset.pages]
            try:
                self._checked[path] = check(path, keys)
            except DataError as error:
                yield Link("crate", "broken", str(error))
                return
        found = self._checked[path]
        record, told = found.records.get(page.key), self._tables.record(page)
        of_page = [problem for problem in found.problems if problem.page in (None, page.key)]
        if of_page:
            yield Link("crate", "broken", f"{path}: {of_page[0]}")
        elif record != told:
            yield Link("crate", "broken", f"{path} says something else than the book")
        else:
            yield Link("crate", "shown", f"{path}: the page, its hashes and all its values")


def _model(served: str | None, attempt: LogRow) -> str | None:
    """The model that served; the embedded reader is none, and gives back the name it is asked for,
    which books of earlier versions have."""
    return None if attempt.engine == "embedded" and served == attempt.model else served


def _hash_of(file: Path) -> str | None:
    try:
        return image_files.content(file).sha256
    except DataError:
        return None


def _understood(attempt: LogRow, workspace: Workspace) -> Answer | Failure:
    """What its raw lines say; of a page that was asked in halves, both."""
    model, numbered = workspace.prompt.page_model, is_numbered(attempt.generation_config)
    found: dict[str | None, Answer | Failure] = {}
    for stored in attempt.lines:
        # Who changes one by hand, in SQL, makes a text of it.
        line = stored if isinstance(stored, bytes) else str(stored).encode()
        half = split_line_key(key_of(line) or "")[1]
        if not isinstance(found.get(half), Answer):
            found[half] = parse_line(line, model, numbered=numbered)
    if None in found or not all(half in found for half in HALVES):
        return found.get(None) or next(iter(found.values()))
    return joined({half: found[half] for half in HALVES}, model)
