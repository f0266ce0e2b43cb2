"""Rebuild a lost ledger as far as that goes: from the service's batches, books and page files.

Whatever the ledger has already stays as it is, so this may be repeated, and also completes a ledger
that was restored from an older copy. Batches are taken in from the oldest to the newest, so that
each request is made again from what its previous page said at that time, and gets the fingerprint
it had.
"""

import contextlib
import json
import re
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from pagewave.answers.result_line import key_of, page_key_of
from pagewave.commands.batch_views import total_usd
from pagewave.commands.rebuild_ledger.from_books import (
    PastAnswer,
    add_batches_of,
    add_prompt,
    past_answers,
)
from pagewave.errors import DataError
from pagewave.gemini.client import UPLOAD_LIFE_SECONDS, RemoteBatch
from pagewave.gemini.session import Session
from pagewave.halves import split_line_key
from pagewave.ledger import Record
from pagewave.pages.changed import remember_images
from pagewave.pages.dataset import Page
from pagewave.pages.image_files import ImageFacts
from pagewave.pages.json_files import json_text
from pagewave.prompts.request import generation_config, recipe
from pagewave.prompts.schema import canonical_json
from pagewave.waves.collect import download
from pagewave.waves.results import Ended, parse_results
from pagewave.workspace import Workspace

UNKNOWN = "unknown"
"""The fingerprint of an answer to a question that can't be told: nobody asks for it again."""

NOT_RECOVERED = (
    "which failures were forgiven (they count again), unless a good answer followed",
    "failures of batches that ended without any answer",
    "single calls but those of answers in books: the service keeps none, whatever they cost",
    "forced rebuilds that were not finished: force them again",
    "plans and waves of past runs; their manifests are in the folder of logs",
    "which images the service still has: they are uploaded again",
)
"""What nothing but the ledger knew, for people."""


@dataclass
class Rebuilt:
    """What was found and taken in; lists hold names of batches or keys of pages."""

    batches: int = 0
    answers: int = 0
    failures: int = 0
    usd: float | None = 0.0
    in_flight: list[str] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)
    """In flight, and nothing says with which pages: they may be ours."""
    unseen: list[str] = field(default_factory=list)
    """Sent from here; the service shows neither them nor their images: to another key, maybe."""
    without_answers: list[str] = field(default_factory=list)
    """Ended, but there are no results, or not any more."""
    of_other_data: list[str] = field(default_factory=list)
    """They hold no page of this data set."""
    asked_differently: int = 0
    """Answers to another prompt or other settings than today's: kept, but not used."""
    batches_of_books: int = 0
    answers_of_books: int = 0
    unreadable_books: list[str] = field(default_factory=list)
    pages_marked: int = 0
    pages_without_answer: list[str] = field(default_factory=list)
    """With a file whose answer nobody knows: they stay as they are."""


def rebuild(session: Session, *, ask_service: bool) -> Rebuilt:
    """Take in what the ledger lacks; the caller holds the lock.

    Raises:
        ServiceError: the service can't be reached; what was taken in by then stays.
    """
    found = Rebuilt()
    session.ledger.answers.keeps_log_rows = False  # they were logged, or not, when they were made
    from_books, found.unreadable_books = past_answers(session)
    if ask_service:
        _Adoption(session, from_books, found).adopt_all()
    found.batches_of_books, found.answers_of_books = add_batches_of(
        session.ledger, session.settings, from_books
    )
    _mark_pages(session, found)
    return found


class _Adoption:
    """Takes batches of the service's list into the ledger."""

    def __init__(self, session: Session, answers: Iterable[PastAnswer], found: Rebuilt) -> None:
        self._session = session
        self._found = found
        self._from_books = {(answer.batch, answer.key): answer for answer in answers}
        self._recipe = recipe(session.settings, session.prompt)
        self._ours = {page.key for page in session.dataset.pages}
        prefix = re.escape(session.settings.batch.display_name_prefix)
        self._name = re.compile(
            rf"{prefix}-(?P<run>.+)-lane(?P<lane>\d+)-wave(?P<wave>\d+)"
            r"-(?P<recipe>[0-9a-f]{8})-[0-9a-f]{8}"
        )

    def adopt_all(self) -> None:
        """Every batch that bears our prefix and is not in the ledger, the earliest first."""
        known = {batch.display_name for batch in self._session.ledger.batches.all()}
        for remote in sorted(self._session.client.list_batches(), key=lambda b: b.created_at):
            match = self._name.fullmatch(remote.display_name)
            if match and remote.display_name not in known:
                known.add(remote.display_name)  # of twins the earliest is ours
                self._adopt(remote.name, match)
        self._found.unseen = [
            file.stem
            for file in sorted(self._session.request_file("*").parent.glob("*.jsonl"))
            if file.stem not in known and self._is_of_other_key(file)
        ]

    def _is_of_other_key(self, file: Path) -> bool:
        """May these requests have been sent with a key that sees what this one does not?

        With the same key their images, or they themselves, are seen as long as the service keeps
        them. Once it has deleted them no batch with them is in flight.
        """
        session = self._session
        age = session.client.now() - file.stat().st_mtime
        if session.key_hash is None or age > UPLOAD_LIFE_SECONDS:
            return False
        names: set[str] = set()
        with file.open("rb") as lines:
            for line in lines:
                names.update(n.decode() for n in re.findall(rb"files/pagewave-[0-9a-f]+", line))
        return not any(map(session.client.file, sorted(names)))

    def _adopt(self, name: str, match: re.Match[str]) -> None:
        remote = self._session.client.get(name)  # a list does not tell all
        if remote is None:
            return
        asked = self._lines_asked(remote)
        sent = {split_line_key(key)[0] for key in asked}
        if not remote.ended and not sent:
            self._found.unclear.append(name)
            return
        told = self._session.ledger.batches.keys_under(name)  # by books, in an earlier rebuild
        lines = [line for line in self._results(remote, asked) if page_key_of(line) not in told]
        if told and not lines:
            return
        keys = [key for key in {*sent, *map(page_key_of, lines)} - told if key is not None]
        if remote.ended and not lines:
            self._found.without_answers.append(name)
        elif not self._ours & set(keys):
            self._found.of_other_data.append(name)
        else:
            self._take_in(remote, match, sorted(self._ours & set(keys)), lines)

    def _lines_asked(self, remote: RemoteBatch) -> set[str]:
        """Keys in the requests of a batch, which are kept here until it is collected; of pages or
        their halves."""
        file = self._session.request_file(remote.display_name)
        if not file.exists():
            return set()
        with file.open("rb") as lines:  # one after another: there may be very many
            return {key for key in map(key_of, lines) if key}

    def _results(self, remote: RemoteBatch, asked: Collection[str]) -> list[bytes]:
        """The lines of an ended batch; none where the service deleted its results."""
        if not remote.ended or not remote.result_file:
            return []
        return download(self._session, remote.display_name, remote.result_file, asked) or []

    def _take_in(
        self, remote: RemoteBatch, match: re.Match[str], keys: list[str], lines: list[bytes]
    ) -> None:
        session, ledger, found = self._session, self._session.ledger, self._found
        records = [self._record(remote, key, match["recipe"] == self._recipe) for key in keys]
        began = remote.created_at or time.time()
        with ledger.transaction():
            ledger.batches.release_name(remote.name)
            ledger.runs.add_past(match["run"], session.engine, remote.model, began)
            batch = ledger.batches.add_intent(
                display_name=remote.display_name,
                engine=session.engine,
                model=remote.model,
                prompt_sha256=self._prompt(remote, keys, match["recipe"] == self._recipe),
                run_id=match["run"],
                lane=int(match["lane"]),
                wave=int(match["wave"]),
                records=records,
            )
            ledger.batches.mark_found(batch.id, remote.name, began)
            ledger.identity.note_key(batch.id, session.key_hash)
            found.batches += 1
            if not remote.ended:
                ledger.batches.mark_state(batch.id, remote.state)
                found.in_flight.append(remote.name)
                return
            batch = ledger.batches.get(batch.id)
            ledger.answers.store_lines(batch.id, [(page_key_of(line), line) for line in lines])
            at = remote.ended_at or began
            ended = Ended(remote.state, remote.error, lines, at=at)
            attempts, failures = parse_results(session, batch, ended, records)
            ledger.answers.commit(batch.id, remote.state, remote.error, attempts, failures, at)
        session.request_file(remote.display_name).unlink(missing_ok=True)
        good = {attempt.key for attempt in attempts if attempt.page is not None}
        found.answers += len(good)
        found.failures += len(failures)
        found.asked_differently += sum(r.fingerprint == UNKNOWN for r in records if r.key in good)
        found.usd = total_usd([found.usd, *(attempt.usd for attempt in attempts)])

    def _record(self, remote: RemoteBatch, key: str, asked_as_today: bool) -> Record:
        """What was asked of a page, from its book or else made again."""
        session = self._session
        page = session.dataset.page(key)
        told = self._from_books.get((remote.name, key))
        try:
            context = self._context(page, remote.created_at)
            request = session.request_after(page, context)
        except (DataError, ValueError):  # the previous page or the image is gone, or the like
            return told.record if told else _record_of_unknown(session, page)
        if told:
            return replace(told.record, previous_context=context)
        if not asked_as_today:
            return _record_of_unknown(session, page)
        number = 1 + session.ledger.failures.counts(session.engine)[key].counted
        errors = session.ledger.failures.error_types(key, session.engine)
        config = generation_config(session.settings, number, errors)
        return Record(
            key=key,
            fingerprint=request.fingerprint,
            attempt_number=number,
            previous_context=context,
            generation_config=canonical_json(config),
            image=str(request.image),
            image_sha256=request.facts.sha256,
        )

    def _context(self, page: Page, at: float) -> str | None:
        """What the previous page said when this one was asked."""
        before = self._session.dataset.previous(page)
        answer = self._session.ledger.answers.before(before.key, at) if before else None
        if answer is None:
            return self._session.previous_context(page)
        return self._session.prompt.page_model.model_validate_json(answer).context()

    def _prompt(self, remote: RemoteBatch, keys: list[str], asked_as_today: bool) -> str:
        prompt = self._session.prompt
        if asked_as_today:
            self._session.ledger.files.add_prompt(
                prompt.sha256, prompt.name, prompt.template_file, prompt.source
            )
            return prompt.sha256
        told = (self._from_books.get((remote.name, key)) for key in keys)
        if answer := next((answer for answer in told if answer), None):
            return add_prompt(self._session.ledger, self._session.settings, answer)
        self._session.ledger.files.add_prompt(UNKNOWN, UNKNOWN, UNKNOWN, "")
        return UNKNOWN


def _record_of_unknown(workspace: Workspace, page: Page) -> Record:
    """A record of a page that was asked nobody can tell how, of its image as it is now."""
    facts = _facts(workspace, page)
    sha256 = facts.sha256 if facts else UNKNOWN
    return Record(page.key, UNKNOWN, 1, None, "{}", str(page.scan), sha256)


def _facts(workspace: Workspace, page: Page) -> ImageFacts | None:
    with contextlib.suppress(DataError):
        return workspace.images.inspect(page)[1]
    return None


def _mark_pages(workspace: Workspace, found: Rebuilt) -> None:
    """Write down which answer each page file holds, and the images as they are now."""
    ledger = workspace.ledger
    known = ledger.files.known_images()
    missing = [page for page in workspace.dataset.pages if str(page.scan) not in known]
    seen = [(page, facts) for page in missing if (facts := _facts(workspace, page))]
    remember_images(ledger, workspace.images, seen)
    marked = ledger.files.written()
    for page in workspace.dataset.pages:
        file = workspace.page_file(page)
        if not file.exists():
            continue
        texts = _texts(workspace, page)
        if not texts or marked.get(page.key) in texts:
            continue
        attempt_id = next(
            (
                found_id
                for text in texts
                if (found_id := ledger.answers.attempt_with(page.key, text))
                or (found_id := _answer_of_twin(workspace, page, text))
            ),
            None,
        )
        if attempt_id:
            ledger.files.mark_written(page.key, attempt_id)
            found.pages_marked += 1
        else:
            found.pages_without_answer.append(page.key)


def _texts(workspace: Workspace, page: Page) -> list[str]:
    """What was read of a page with a file, as the ledger may have it: JSON.

    Of a corrected page only its correction tells, if anything was read; a file that somebody saved
    in another way says the same all the same.
    """
    content = workspace.page_file(page).read_bytes()
    texts = [content.decode("utf-8", "replace").strip()]
    with contextlib.suppress(DataError, ValueError):
        value = json.loads(json_text(content))
        if correction := workspace.corrections.of(page):
            texts, value = [], correction.read
            if value is None:
                return []
        texts.append(workspace.prompt.page_model.model_validate(value).model_dump_json())
    return texts


def _answer_of_twin(workspace: Workspace, page: Page, content: str) -> int | None:
    """The attempt of another page that asked the very same, as blank leaves do."""
    try:
        attempt_id = workspace.ledger.answers.stored(workspace.request_for(page.key).fingerprint)
    except DataError:
        return None
    return (
        attempt_id if attempt_id and workspace.ledger.answers.page(attempt_id) == content else None
    )
