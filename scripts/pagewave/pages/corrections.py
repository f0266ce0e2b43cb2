"""What people changed in page files: how that is noticed, kept and put first.

A page file whose hash is not the one that was noted when it was written is looked at. Line ends,
the order of keys and other rendering are nothing; another value is a correction. It is kept in
`paths.corrections_dir` at the page's place, in a file that no rule makes and no run deletes, and
from then on it is what the page says, whatever is read.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from pagewave.atomic import write_atomically
from pagewave.config.data import Paths
from pagewave.errors import DataError
from pagewave.ledger import Ledger, WrittenFile
from pagewave.pages.correction import Corrected, Correction, Finding, Kind
from pagewave.pages.dataset import Page
from pagewave.pages.json_files import (
    changed_fields,
    is_same,
    json_for_people,
    json_text,
    problem_of,
    written_file,
)
from pagewave.wording import moment

ENDED = ".ended"
"""Ends the name of a correction that is one no more, as the page file was put back by hand."""


PAGE_FILES_KEPT = 4096
"""Paths of so many pages are kept: those around all that come back at once."""

FOUND = "found there: "
"""In front of a page's key, as a name: its file as this ledger found it, whoever wrote it."""


class Corrections:
    """The corrections of one working directory, and its page files as a person may leave them."""

    def __init__(self, paths: Paths, ledger: Ledger) -> None:
        self._paths = paths
        self._ledger = ledger
        self._pages_dir = str(paths.output_dir)
        # A page read is asked for by each of the sixteen around it.
        self._page_file = lru_cache(PAGE_FILES_KEPT)(paths.page_file)

    def page_file(self, page: Page) -> Path:
        """Where a page's answer is written."""
        return self._page_file(page.name)

    def file(self, page: Page) -> Path:
        """Where a page's correction is kept, if it has one."""
        return self._paths.corrections_dir / f"{page.name}.json"

    def of(self, page: Page) -> Correction | None:
        """A page's correction, if it has one; raises DataError when it can't be read."""
        path = self.file(page)
        try:
            return Correction.model_validate(json.loads(json_text(path.read_bytes())))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise DataError(
                f"{path}, {problem_of(error)}: this correction can't be read. It stays as it is, "
                "and so does its page. Put it in order there."
            ) from None

    def kept(self, pages: Iterable[Page]) -> list[Page]:
        """Those of the pages that have a correction on file."""
        if not self._paths.corrections_dir.exists():
            return []
        # Asked one by one: a list of all files would leave out folders that are links.
        return [page for page in pages if self.file(page).exists()]

    def corrected(
        self, pages: Sequence[Page], findings: Iterable[Finding] | None = None
    ) -> list[Page]:
        """Those that have a correction, or get one when the next run begins.

        Args:
            findings: what `look` found, if it has been called already.
        """
        found = self.look(pages) if findings is None else findings
        kinds = {finding.page: finding.kind for finding in found}
        kept = set(self.kept(pages))
        return [
            page
            for page in pages
            if kinds.get(page) == Kind.EDITED or (page in kept and kinds.get(page) != Kind.RESTORED)
        ]

    # Noticing

    def look(self, pages: Sequence[Page]) -> list[Finding]:
        """The files of these pages that are not as they were noted. Nothing is written."""
        known = _Known(self._ledger, [page.key for page in pages])
        corrected = set(self.kept(pages))
        found = (self._look_at(page, known, corrected) for page in pages)
        return [finding for finding in found if finding]

    def look_at(self, page: Page, is_overwritten: bool = False) -> Finding | None:
        """The same for one page.

        Args:
            is_overwritten: it is about to be: then a file that nobody knows is taken for a
                person's.
        """
        corrected = {page} if self.file(page).exists() else set()
        if not corrected and not self.page_file(page).exists():
            return None  # as of most pages that are about to be written
        known = _Known(self._ledger, [page.key])
        finding = self._look_at(page, known, corrected)
        found = self._ledger.page_files.noted_of(FOUND + page.key)
        is_ours = known.noted.get(page.key) not in (None, found)
        is_known = is_ours or self._ledger.files.answer(page.key)
        if not is_overwritten or corrected or is_known:
            return finding
        if finding and finding.kind == Kind.UNKNOWN:
            return replace(finding, kind=Kind.EDITED)
        return finding or self._found_there(page)

    def _found_there(self, page: Page) -> Finding | None:
        """A file that was there before the ledger heard of its page, as an edited one."""
        path = self.page_file(page)
        content = _content(path)
        if content is None:
            return None
        file = written_file(path, content)
        try:
            value = json.loads(json_text(content))
        except ValueError as error:
            return Finding(page, Kind.UNREADABLE, file, problem=str(error))
        if self._is_answer(page, content, value, is_older=False):
            return None
        return Finding(page, Kind.EDITED, file, value)

    def _look_at(self, page: Page, known: "_Known", corrected: set[Page]) -> Finding | None:
        noted = known.noted.get(page.key)
        try:
            # As text: of a large library, path objects are most of what a look takes.
            status = os.stat(f"{self._pages_dir}/{page.name}.json")  # noqa: PTH116
            unchanged = noted and (status.st_size, status.st_mtime_ns) == noted[1:]
            if unchanged and page not in corrected:
                return None
            path = self.page_file(page)
            content = path.read_bytes()
            file = written_file(path, content)
        except OSError:  # it is to be made, or those who need it will tell
            return None
        correction = self.of(page) if page in corrected else None
        is_noted = noted is not None and noted.sha256 == file.sha256
        if is_noted and not correction:
            return Finding(page, Kind.SAME, file)
        try:
            value = json.loads(json_text(content))
        except ValueError as error:
            return Finding(page, Kind.UNREADABLE, file, problem=str(error))
        if correction and is_same(value, correction.page):
            if noted == file:
                return None
            # `put` may have made it since: what is made of the page has to be made again.
            is_new = noted is not None and not is_noted and known.is_untold(page.key, value)
            return Finding(page, Kind.EDITED if is_new else Kind.SAME, file, value)
        if is_noted:
            return Finding(page, Kind.OVERTAKEN, file, value)
        if self._is_answer(page, content, value, is_older=noted is None) or (
            # An answer that was overtaken by another one since is no longer what was read.
            correction and not self._answers(page) and is_same(value, correction.read)
        ):
            if not correction:
                return Finding(page, Kind.SAME, file)
            return Finding(page, Kind.RESTORED if noted else Kind.OVERTAKEN, file, value)
        is_known = noted or correction or page.key in known.asked
        is_later = known.since is not None and file.modified_ns / 1e9 > known.since
        kind = Kind.EDITED if is_known or is_later else Kind.UNKNOWN
        return Finding(page, kind, file, value)

    def _answers(self, page: Page) -> set[int]:
        """The attempts that the page's file may hold; the latest may not have been noted, nor may
        the wave that read it have ended, see `Trip.write`."""
        found = {
            self._ledger.files.answer(page.key),
            self._ledger.runs.latest_answer(page.key),
            self._ledger.answers.newest_of(page.key),
        }
        return {attempt_id for attempt_id in found if attempt_id is not None}

    def _is_answer(self, page: Page, content: bytes, value: Any, is_older: bool) -> bool:
        """Does the file say what was read? Of an older one, with no hash, by any attempt."""
        for attempt_id in self._answers(page):
            text = self._ledger.answers.page(attempt_id)
            if content == f"{text}\n".encode() or is_same(value, json.loads(text)):
                return True
        text = content.decode("utf-8", "replace").strip()
        return is_older and self._ledger.answers.attempt_with(page.key, text) is not None

    # Keeping

    def correction_for(self, finding: Finding) -> Correction:
        """The correction that an edited file is."""
        page = finding.page
        before = self.of(page) if self.file(page).exists() else None
        if before is not None and is_same(before.page, finding.value):
            return before
        return self._made(page, before, finding.value, finding.file.modified_ns / 1e9)

    def _made(
        self, page: Page, before: Correction | None, value: Any, at: float, by: str | None = None
    ) -> Correction:
        corrects, read = self._corrected(page)
        if corrects is None and before is not None:
            corrects, read = before.corrects, before.read
        return Correction(
            key=page.key,
            corrected_at=moment(at) or "",
            corrected_by=by,
            corrects=corrects,
            fields_changed=changed_fields({} if read is None else read, value),
            page=value,
            read=read,
        )

    def keep(self, finding: Finding) -> Correction:
        """Keep what a person wrote into a page file, beside the page files; the ledger waits."""
        correction = self.correction_for(finding)
        self.save(finding.page, correction)
        return correction

    def put(self, page: Page, value: Any, by: str | None = None) -> None:
        """Make a person's change of a page at once; a run that holds the ledger takes it in later.

        The correction comes first: from then on no run writes anything else into the page's file.
        What was read, put again, ends it. Raises PagewaveError when a file can't be written.
        """
        kept = self.file(page)
        before = self.of(page) if kept.exists() else None
        correction = self._made(page, before, value, time.time(), by)
        is_read = correction.corrects is not None and is_same(value, correction.read)
        if not is_read:
            self.save(page, correction)
        elif before and page.key not in self._ledger.page_files.corrected():
            kept.replace(kept.with_name(kept.name + ENDED))  # else the next run does it
        content = json_for_people(value).encode() + b"\n"
        if is_read and (attempt_id := self._ledger.files.answer(page.key)) is not None:
            content = f"{self._ledger.answers.page(attempt_id)}\n".encode()
        write_atomically(self.page_file(page), content)

    def save(self, page: Page, correction: Correction) -> None:
        """Write a correction's file; raises PagewaveError when that can't be done."""
        write_atomically(self.file(page), json_for_people(correction.model_dump()) + "\n")

    def take_in(self, findings: Iterable[Finding]) -> list[tuple[Finding, Correction | None]]:
        """Keep what people wrote, and note files as they are; for a ledger that is written.

        Returns each correction with its finding, None where that ended it.
        """
        done: list[tuple[Finding, Correction | None]] = []
        noted: dict[str, WrittenFile] = {}
        for finding in findings:
            page, file = finding.page, finding.file
            if finding.kind == Kind.UNREADABLE:
                continue
            if finding.kind == Kind.EDITED:
                done.append((finding, self.keep(finding)))
            elif finding.kind == Kind.RESTORED:
                kept = self.file(page)
                kept.replace(kept.with_name(kept.name + ENDED))
                done.append((finding, None))
            elif finding.kind == Kind.OVERTAKEN and (correction := self.of(page)):
                content = json_for_people(correction.page).encode() + b"\n"
                write_atomically(self.page_file(page), content)
                file = written_file(self.page_file(page), content)
                done.append((finding, correction))
            elif finding.kind == Kind.UNKNOWN:
                noted[FOUND + page.key] = file
            noted[page.key] = file
        if not noted:
            return done  # as for most pages: nobody else's writing is waited for
        with self._ledger.transaction():
            self._ledger.page_files.note(noted)
            for finding, correction in done:
                self._tell_ledger(finding.page, correction)
        return done

    def match_ledger(self, pages: Sequence[Page]) -> list[Page]:
        """Let the ledger's copies be those of the files, and the other way round.

        A correction whose file is gone is written again: only `pagewave corrections` discards one.
        Returns the pages where that was so.
        """
        copies = self._ledger.page_files.corrected()
        kept = set(self.kept(pages))
        for page in kept:
            correction = self.of(page)
            if correction and copies.get(page.key) != json.dumps(correction.page):
                self._tell_ledger(page, correction)
        lost = [page for page in pages if page.key in copies and page not in kept]
        for page in lost:
            corrects, read = self._corrected(page)
            value = json.loads(copies[page.key])
            fields = changed_fields({} if read is None else read, value)
            self.save(
                page,
                Correction(
                    key=page.key,
                    corrected_at=moment(time.time()) or "",
                    corrects=corrects,
                    fields_changed=fields,
                    page=value,
                    read=read,
                ),
            )
        return lost

    def content_for(self, page: Page, answer: str) -> bytes:
        """What a page's file is to hold: its correction, in the person's own rendering, or else
        this answer."""
        correction = self.of(page)
        if correction is None:
            return answer.encode()
        there = _content(self.page_file(page))
        try:
            if there and is_same(json.loads(json_text(there)), correction.page):
                return there
        except ValueError:
            pass
        return json_for_people(correction.page).encode() + b"\n"

    def discard(self, page: Page, answer: str | None) -> None:
        """Do without a page's correction, or whatever a person made of its file.

        Args:
            answer: what its file holds from now on; None: it is deleted, so that it is read again.
        """
        path = self.page_file(page)
        # The ledger first: a file that is gone without it would be written again.
        self._ledger.page_files.withdraw([page.key])
        self.file(page).unlink(missing_ok=True)
        if answer is None:
            path.unlink(missing_ok=True)
            return
        write_atomically(path, answer)
        self._ledger.page_files.note({page.key: written_file(path, answer.encode())})

    def _tell_ledger(self, page: Page, correction: Correction | None) -> None:
        files = self._ledger.page_files
        if correction is None:
            files.withdraw([page.key])
        else:
            files.correct(page.key, json.dumps(correction.page))

    def _corrected(self, page: Page) -> tuple[Corrected | None, Any]:
        """The answer that the ledger knows to be in the page's file, and what it says."""
        rows = self._ledger.files.provenance(page.key)
        if not rows:
            return None, None
        row = rows[0]
        text = self._ledger.answers.page(row["attempt_id"])
        sha256 = hashlib.sha256(f"{text}\n".encode()).hexdigest()
        corrected = Corrected(
            attempt=row["attempt"],
            batch=row["batch"],
            fingerprint=row["fingerprint"],
            sha256=sha256,
        )
        return corrected, json.loads(text)


class _Known:
    """What the ledger knows of pages, asked for once."""

    def __init__(self, ledger: Ledger, keys: Sequence[str]) -> None:
        self._ledger = ledger
        self.noted: Mapping[str, WrittenFile] = ledger.page_files.noted(keys)

    @cached_property
    def asked(self) -> set[str]:
        """Keys of pages that were ever asked for."""
        return self._ledger.page_files.asked_keys()

    @cached_property
    def _told(self) -> dict[str, str]:
        return self._ledger.page_files.corrected()

    def is_untold(self, key: str, value: Any) -> bool:
        """Is this page (JSON) no correction that the ledger has been told of?"""
        return self._told.get(key) != json.dumps(value)

    @cached_property
    def since(self) -> float | None:
        """When the first run of this ledger began (Unix seconds): what was written later by nobody
        else is a person's."""
        return self._ledger.page_files.first_run_at()


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
