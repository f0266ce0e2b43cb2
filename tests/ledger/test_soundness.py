"""Damaged ledgers, full disks and missing permissions: a clear error, and nothing is lost."""

import os
import random
import re
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from helpers.embedded_process import wait_for
from helpers.library import Library
from helpers.small_disk import BLOCK, SmallDisk, files_up_to, obey_permissions
from pagewave.commands.nuke_database import contents
from pagewave.errors import LedgerError
from pagewave.ledger import Attempt, Ledger, PlannedPage, Record
from pagewave.ledger.soundness import MOUNTS, backup_name, network_type, refuse_network

PAGE_BYTES = 4096
LINE_BYTES = 800  # of a result that the echo reader makes
KEYS = [f"Ohio:Elm School:1850:{number}" for number in range(1, 41)]
BOOKS = {"Ohio/Ashgrove/1852": 2, "Vermont/Linden/1866": 2}
EVERY_PAGE = Counter(f"{book.replace('/', ':')}:{n}" for book in BOOKS for n in (1, 2))


def write_batch(ledger: Ledger, name: str = "b1") -> int:
    """A batch with answers of a few thousand letters each; returns its number."""
    records = [Record(key, f"{name} {key}", 1, None, "{}", "1.jpg", "a" * 64) for key in KEYS]
    batch = ledger.batches.add_intent(name, "embedded", "m", "p" * 64, "r1", 1, 1, records)
    ledger.answers.store_lines(
        batch.id, [(key, random.Random(key).randbytes(3000)) for key in KEYS]
    )
    page = "{" + "y" * 3000 + "}"
    attempts = [Attempt(k, 1, f"{name} {k}", page, "STOP", 9, 9, 0, 0, 0.0) for k in KEYS]
    ledger.answers.commit(batch.id, "SUCCEEDED", None, attempts, [])
    return batch.id


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger with one batch."""
    ledger = Ledger.open(tmp_path / "ledger.sqlite")
    ledger.runs.start("r1", "embedded", "m", [PlannedPage(key, 1, 1, 0) for key in KEYS], [])
    ledger.files.add_prompt("p" * 64, "page_ocr", "v1.jinja", "text")
    write_batch(ledger)
    yield ledger
    ledger.close()


@pytest.fixture
def path(ledger: Ledger, tmp_path: Path) -> Path:
    """The file of a ledger with one batch, which nobody has open."""
    ledger.close()
    return tmp_path / "ledger.sqlite"


# Damage


def overwrite(path: Path, offset: int, count: int) -> None:
    """Puts garbage in the place of some bytes."""
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(random.Random(0).randbytes(count))


def overwrite_table(path: Path) -> None:
    """Puts garbage in the place of the page at which the answers begin."""
    with closing(sqlite3.connect(path)) as db:
        (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'attempt'").fetchone()
    overwrite(path, (page - 1) * PAGE_BYTES, PAGE_BYTES)


def empty_wal(path: Path) -> None:
    """Leaves no room in the WAL, so that whatever is written next needs some of the disk."""
    with closing(sqlite3.connect(path)) as db:
        wait_for(lambda: db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)


def wal_of(path: Path) -> Path:
    """The file of a ledger's last changes."""
    return path.with_name(path.name + "-wal")


def add_orphan(path: Path) -> None:
    """A row that refers to a batch that never was."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("INSERT INTO response VALUES (99, 0, 'k', 'line')")


def lose_the_middle(path: Path) -> None:
    """Cuts a page out, so that all that follow are in the wrong place."""
    data = path.read_bytes()
    path.write_bytes(data[: 20 * PAGE_BYTES] + data[21 * PAGE_BYTES :])


def make_folder(path: Path) -> None:
    """A folder in the ledger's place."""
    path.unlink()
    path.mkdir()


def make_other(path: Path) -> None:
    """A database that somebody else made."""
    path.unlink()
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE t (a)")


def leave_wal(path: Path) -> None:
    """The ledger is deleted, its WAL is not."""
    path.unlink()
    wal_of(path).write_bytes(b"\x37\x7f\x06\x82" + bytes(60))


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "header": (lambda path: overwrite(path, 0, 100), "file is not a database"),
    "schema": (lambda path: overwrite(path, 100, 3000), "malformed"),
    "a page in the middle": (overwrite_table, "is damaged"),
    "a page too few": (lose_the_middle, "is damaged|malformed"),
    "truncated": (lambda path: os.truncate(path, path.stat().st_size // 2), "damaged|malformed"),
    "truncated within a page": (lambda path: os.truncate(path, 5000), "damaged|malformed"),
    "zero bytes": (lambda path: os.truncate(path, 0), "zero bytes"),
    "text": (lambda path: path.write_text("Dear diary, " * 500), "file is not a database"),
    "a few letters": (lambda path: path.write_text("ledger"), "file is not a database"),
    "another database": (make_other, "no ledger of pagewave"),
    "a folder": (make_folder, "is no file"),
    "WAL of garbage": (
        lambda path: wal_of(path).write_bytes(random.Random(0).randbytes(50_000)),
        "last changes are damaged",
    ),
    "WAL of text": (lambda path: wal_of(path).write_text("not"), "last changes are damaged"),
    "only a WAL": (leave_wal, "the ledger is gone"),
    "a row without its parent": (add_orphan, "refer to rows that are gone"),
}


def files_in(folder: Path) -> dict[str, bytes]:
    """The contents of a folder's files, but for the memory that SQLite shares."""
    files = (file for file in folder.iterdir() if file.is_file())
    return {file.name: file.read_bytes() for file in files if not file.name.endswith("-shm")}


def look(path: Path) -> Ledger:
    """A ledger as a run looks at it when it starts."""
    ledger = Ledger.peek(path)
    try:
        ledger.check()
    except LedgerError:
        ledger.close()
        raise
    return ledger


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_ledger_is_refused_and_left_as_it_is(path: Path, what: str) -> None:
    do_damage, told = DAMAGE[what]
    do_damage(path)
    before = files_in(path.parent)
    with pytest.raises(LedgerError, match=told) as raised:
        look(path).close()
    message = str(raised.value)
    assert path.name in message
    assert "\n" not in message
    assert "scripts/rebuild_ledger.py" in message or what == "a folder"
    after = files_in(path.parent)
    assert after == before or after == before | {wal_of(path).name: b""}


@pytest.mark.parametrize("what", ["header", "zero bytes", "another database", "only a WAL"])
def test_a_damaged_ledger_is_not_written_to_either(path: Path, what: str) -> None:
    do_damage, told = DAMAGE[what]
    do_damage(path)
    before = files_in(path.parent)
    with pytest.raises(LedgerError, match=told):
        Ledger.open(path)
    assert files_in(path.parent) == before


def test_rows_that_the_schema_does_not_allow_are_damage_though_all_references_are_whole(
    path: Path,
) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA writable_schema = ON")
        changed = db.execute(
            "UPDATE sqlite_master SET sql ="
            " replace(sql, 'previous_context TEXT', 'previous_context TEXT NOT NULL')"
            " WHERE name = 'record' AND sql LIKE '%previous_context TEXT%'"
        )
        assert changed.rowcount == 1
    with pytest.raises(LedgerError, match=r"is damaged \(NULL value in record\.previous_context\)"):
        look(path).close()


def test_a_damaged_ledger_is_not_taken_for_one_that_can_be_emptied(path: Path) -> None:
    overwrite_table(path)
    with pytest.raises(LedgerError, match="is damaged"):
        contents(path)


def test_damage_in_the_middle_of_a_run_is_told_in_words(ledger: Ledger, tmp_path: Path) -> None:
    ledger._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    ledger._connection.execute("PRAGMA cache_size = 0")
    size = (tmp_path / "ledger.sqlite").stat().st_size
    overwrite(tmp_path / "ledger.sqlite", PAGE_BYTES, size - PAGE_BYTES)
    with pytest.raises(LedgerError, match=r"malformed\. The ledger is damaged"):
        ledger.answers.keys()
    with pytest.raises(LedgerError, match=r"malformed\. The ledger is damaged"):
        write_batch(ledger, "b2")


def test_a_whole_ledger_passes_whatever_a_crash_left(path: Path, tmp_path: Path) -> None:
    # A head that was killed leaves a WAL with changes; a power failure may leave one of zeros.
    killed = Ledger.open(path)
    second = write_batch(killed, "b2")
    copy = tmp_path / "copy" / path.name
    copy.parent.mkdir()
    # By another process: one that closes a file gives up all its locks on it (man 2 fcntl).
    subprocess.run(["cp", path, wal_of(path), copy.parent], check=True)
    assert wal_of(copy).stat().st_size > 0
    killed.close()
    wal_of(path).write_bytes(bytes(10_000))
    for whole in (copy, path):
        with closing(look(whole)) as ledger:
            assert ledger.batches.get(second).status == "collected"


def test_no_copy_takes_the_name_of_another_of_the_same_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.gmtime(0)
    monkeypatch.setattr(time, "gmtime", lambda: now)
    names = []
    for _ in range(3):
        copy = backup_name(tmp_path / "ledger.sqlite", "-v1")
        copy.touch()
        names.append(copy.name)
    stem = "ledger-19700101T000000Z-v1"
    assert names == [f"{stem}.sqlite", f"{stem}-2.sqlite", f"{stem}-3.sqlite"]


def test_a_restored_copy_without_wal_mode_is_put_back_into_it(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA journal_mode = DELETE").fetchone()[0] == "delete"
    ledger = Ledger.open(path)
    assert ledger.query("PRAGMA journal_mode")[0][0] == "wal"
    ledger.close()


def test_a_run_over_a_damaged_ledger_ends_at_once_and_goes_on_with_a_good_one(
    tmp_path: Path,
) -> None:
    with Library(tmp_path, BOOKS) as library:
        library.run()
        path = library.state / "ledger.sqlite"
        assert not wal_of(path).exists(), "a copy of the one file would not be whole"
        good = path.read_bytes()
        library.add_page("Vermont/Linden/1866", 3)
        overwrite_table(path)
        for arguments in ((), ("-n",)):
            output = library.run(*arguments, code=4)
            (told,) = [line for line in output.splitlines() if line.startswith("pagewave: ")]
            assert str(path.relative_to(tmp_path)) in told
            assert "the ledger is damaged" in told
            assert "Traceback" not in output
        assert library.inferences() == EVERY_PAGE
        path.write_bytes(good)
        library.run()
        assert library.inferences() == EVERY_PAGE + Counter(["Vermont:Linden:1866:3"])


# Transactions that fail


@pytest.mark.parametrize("line_bytes", [2_000, 200_000])
def test_what_a_full_disk_refuses_is_not_half_kept(
    ledger: Ledger, tmp_path: Path, line_bytes: int
) -> None:
    # Larger changes are written before their COMMIT, smaller ones by it.
    lines = [(key, os.urandom(line_bytes)) for key in KEYS]
    ledger._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with files_up_to(50_000), pytest.raises(LedgerError, match="disk") as raised:
        ledger.answers.store_lines(1, lines)
    assert "Then run the same command again" in str(raised.value)
    with closing(Ledger.peek(tmp_path / "ledger.sqlite")) as other:
        assert other.query("SELECT DISTINCT length(line) FROM response")[0][0] == 3000
        # With room again, the same ledger works on, and what it says is kept is kept.
        ledger.answers.store_lines(1, lines)
        assert other.query("SELECT DISTINCT length(line) FROM response")[0][0] == line_bytes
        other.check()


def test_after_a_commit_that_failed_the_next_change_is_kept(ledger: Ledger, tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="FOREIGN KEY"), ledger.transaction() as db:
        db.execute("PRAGMA defer_foreign_keys = ON")
        db.execute("INSERT INTO response VALUES (99, 0, 'k', 'line')")
    ledger.batches.mark_state(1, "LATER")
    with closing(look(tmp_path / "ledger.sqlite")) as other:
        assert other.batches.get(1).state == "LATER"


def test_a_ledger_that_another_program_holds_is_told(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pagewave.ledger.connection.BUSY_TIMEOUT_SECONDS", 0.05)
    ledger = Ledger.open(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as shell:
        shell.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match="Another program holds it"):
            ledger.batches.mark_state(1, "LATER")
    ledger.batches.mark_state(1, "LATER")
    ledger.close()


# Full disks


def assert_refused(output: str) -> None:
    """One line says what is wrong and what to do."""
    told = [line for line in output.splitlines() if line.startswith("pagewave: ")]
    assert any("No space left" in line or "disk is full" in line for line in told), output
    assert all("space" in line for line in told), output
    assert "Traceback" not in output


@pytest.mark.parametrize("blocks_left", [0, 8])
def test_a_disk_that_is_full_before_the_start(tmp_path: Path, blocks_left: int) -> None:
    with Library(tmp_path, BOOKS) as library, SmallDisk(library.state) as disk:
        library.state.joinpath("embedded").symlink_to("../service")
        library.root.joinpath("service").mkdir()
        disk.fill(blocks_left)
        assert_refused(library.run(code=4))
        assert library.events("create") == []
        disk.free()
        assert {file.name for file in library.state.iterdir()} <= {"embedded", "lock"}
        library.run()
        assert library.inferences() == EVERY_PAGE


@pytest.mark.parametrize(
    ("share_left", "told", "stored"),
    [
        (0, "ledger.sqlite: database or disk is full", 0),
        (0.9, "results", 0),
        (1.5, "ledger.sqlite: ", 60),
    ],
    ids=["polling", "downloading", "committing"],
)
def test_a_disk_that_gets_full_in_the_middle_of_a_wave(
    tmp_path: Path, share_left: float, told: str, stored: int
) -> None:
    books = {f"Ohio/School {number}/1852": 1 for number in range(60)}
    keys = Counter(f"{book.replace('/', ':')}:1" for book in books)
    with (
        Library(tmp_path, books, embedded={"batch_seconds": 2.0}) as library,
        SmallDisk(library.state) as disk,
    ):
        # The service has a disk of its own.
        library.state.joinpath("embedded").symlink_to("../service")
        library.root.joinpath("service").mkdir()
        head = library.start()
        head.wait_for_create(library)
        with closing(Ledger.peek(library.state / "ledger.sqlite")) as ledger:
            wait_for(lambda: [b.state for b in ledger.batches.open("embedded")] == ["RUNNING"])
        empty_wal(library.state / "ledger.sqlite")
        # The results are written as they come; then, in place of them, into the ledger, where they
        # are smaller; then what they mean. Before, how far they are.
        disk.fill(int(share_left * len(keys) * LINE_BYTES / BLOCK))
        code, output = head.wait()
        assert code == 4, output
        assert_refused(output)
        assert f"state/{told}" in output
        assert len(library.events("download")) == (share_left > 0)
        with closing(look(library.state / "ledger.sqlite")) as ledger:
            assert ledger.query("SELECT COUNT(*) FROM response")[0][0] == stored
            assert len(ledger.batches.open("embedded")) == 1

        disk.free()
        library.run()
        assert library.inferences() == keys
        assert len(library.events("create")) == 1
        assert all(library.page_file(key).exists() for key in keys)


def test_a_full_disk_behind_the_page_files(tmp_path: Path) -> None:
    with Library(tmp_path, BOOKS) as library, SmallDisk(library.root / "results") as disk:
        disk.fill()
        output = library.run(code=1)
        assert re.search(r"results/pages/\S+json can't be written: No space left", output)
        assert "Traceback" not in output
        disk.free()
        library.run()
        assert library.inferences() == EVERY_PAGE


# Permissions


@pytest.mark.slow
@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_ledger_that_may_not_be_written(tmp_path: Path, what: str) -> None:
    with Library(tmp_path, BOOKS) as library:
        library.run("results/pages/Ohio/Ashgrove/1852/1.json")
        library.before_start = obey_permissions
        path = library.state / "ledger.sqlite"
        before = path.read_bytes()
        locked = path if what == "file" else library.state
        mode = locked.stat().st_mode
        locked.chmod(mode & ~0o222)
        output = library.run(code=4)
        (told,) = [line for line in output.splitlines() if line.startswith("pagewave: ")]
        assert "state" in told
        assert "permissions" in told
        assert "Traceback" not in output
        assert path.read_bytes() == before
        locked.chmod(mode)
        if what == "file":  # SQLite gives the files beside it the same permissions
            for file in library.state.glob("ledger.sqlite-*"):
                file.chmod(mode)
        library.run()
        assert library.inferences() == EVERY_PAGE


# Network file systems

LOCAL = "21 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw"
MOUNT_TABLES = [
    ("/data/state", None, [LOCAL]),
    ("/data/state", "nfs4", [LOCAL, "22 21 0:40 / /data rw - nfs4 server:/export rw,vers=4.2"]),
    ("/database", None, [LOCAL, "22 21 0:40 / /data rw - nfs4 server:/export rw"]),
    ("/data", "lustre", ["22 1 0:4 / /data rw master:2 - lustre mds@o2ib:/l rw,flock", LOCAL]),
    ("/d/x/state", None, ["2 1 0:4 / /d rw - cifs //s/d rw", "3 1 8:1 / /d/x rw - xfs x rw"]),
    ("/my data/state", "fuse.sshfs", [LOCAL, r"22 1 0:9 / /my\040data rw - fuse.sshfs host: rw"]),
    ("/data", None, ["22 1 0:4 / /data rw - nfs s:/ rw", "23 1 8:1 / /data rw - ext4 x rw"]),
]  # fmt: skip


@pytest.mark.parametrize(("folder", "found", "mounts"), MOUNT_TABLES)
def test_network_file_systems_are_known(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    folder: str,
    found: str | None,
    mounts: list[str],
) -> None:
    table = tmp_path / "mountinfo"
    table.write_text("\n".join(mounts) + "\n")
    monkeypatch.setattr("pagewave.ledger.soundness.MOUNTS", table)
    assert network_type(Path(folder)) == found
    if found:
        with pytest.raises(LedgerError, match=rf"{folder} is on a network file system \({found}\)"):
            refuse_network(Path(folder))
    else:
        refuse_network(Path(folder))


def test_the_real_table_of_mounts_is_understood(tmp_path: Path) -> None:
    if not MOUNTS.exists():
        pytest.skip("only Linux has one")
    network_type(tmp_path)


def test_no_table_of_mounts_means_not_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pagewave.ledger.soundness.MOUNTS", tmp_path / "none")
    assert network_type(tmp_path) is None
