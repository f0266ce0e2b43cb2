"""The ledger's schema, and the numbered steps that came after it; `PRAGMA user_version` tells how
far a ledger is.

The schema is that of version 11: what came before was never released. Neither it nor a step is
edited any more; a change is a new step at the end. Times are Unix seconds.
"""

import sqlite3
from pathlib import Path

from pagewave.errors import LedgerError
from pagewave.ledger.trouble import damaged

SCHEMA_VERSION = 11

TABLES = """
-- One invocation of the workflow that really ran (a dry run leaves no row), or of a comparison of
-- prompts. Those cost money too, but what they find changes nothing for the workflow: neither do
-- their failures count, nor do their answers forgive any. over_budget: why a run sends nothing
-- more, where that is its budget.
CREATE TABLE run (
    id TEXT PRIMARY KEY,
    started_at REAL NOT NULL,
    ended_at REAL,
    outcome TEXT,
    engine TEXT NOT NULL,
    model TEXT NOT NULL,
    purpose TEXT NOT NULL DEFAULT 'workflow' CHECK (purpose IN ('workflow', 'comparison')),
    over_budget TEXT
);

-- What the run is to read: a page's lane, its chain within the run and its place in that chain.
CREATE TABLE run_page (
    run_id TEXT NOT NULL REFERENCES run(id),
    key TEXT NOT NULL,
    lane INTEGER NOT NULL,
    chain INTEGER NOT NULL,
    place INTEGER NOT NULL,
    PRIMARY KEY (run_id, key)
) WITHOUT ROWID;

-- Pages that a forced run wants read again: answers of batches up to this one do not count. Not a
-- time: after a clock was set back, no answer would be young enough, and each be paid for in vain.
CREATE TABLE rebuild (
    key TEXT PRIMARY KEY,
    after_batch INTEGER NOT NULL,
    run_id TEXT NOT NULL REFERENCES run(id)
) WITHOUT ROWID;

CREATE TABLE wave (
    id INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL REFERENCES run(id),
    lane INTEGER NOT NULL,
    number INTEGER NOT NULL,
    started_at REAL NOT NULL,
    ended_at REAL NOT NULL,
    UNIQUE (run_id, lane, number)
);

-- What became of each member of a finished wave; the schedule of the rest follows from these rows.
CREATE TABLE wave_page (
    wave_id INTEGER NOT NULL REFERENCES wave(id),
    key TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('read', 'failed', 'dead')),
    free INTEGER NOT NULL,
    attempt_id INTEGER REFERENCES attempt(id),
    PRIMARY KEY (wave_id, key)
) WITHOUT ROWID;
CREATE INDEX wave_page_key ON wave_page(key);

-- The template text behind every hash, so that any prompt ever sent can be rendered again.
CREATE TABLE prompt (
    sha256 TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    template_file TEXT NOT NULL,
    template TEXT NOT NULL,
    first_used_at REAL NOT NULL
) WITHOUT ROWID;

-- One batch job. status: intent (written, nothing sent), creating (the create call may have
-- arrived), submitted (its name is known), collected, abandoned (it never came to be).
-- state: the service's own word for it, as last seen.
CREATE TABLE batch (
    id INTEGER PRIMARY KEY,
    display_name TEXT NOT NULL UNIQUE,
    name TEXT UNIQUE,
    engine TEXT NOT NULL,
    model TEXT NOT NULL,
    prompt_sha256 TEXT NOT NULL REFERENCES prompt(sha256),
    run_id TEXT NOT NULL REFERENCES run(id),
    lane INTEGER NOT NULL,
    wave INTEGER NOT NULL,
    status TEXT NOT NULL
        CHECK (status IN ('intent', 'creating', 'submitted', 'collected', 'abandoned')),
    state TEXT,
    error TEXT,
    input_file TEXT,
    intent_at REAL NOT NULL,
    creating_at REAL,
    submitted_at REAL,
    collected_at REAL
);
CREATE INDEX batch_status ON batch(status);

-- One page in one batch: all that its request was made of, what it was expected to use when it was
-- sent, and the USD that it can't go beyond: held ready in a budget until it is known what it cost.
CREATE TABLE record (
    batch_id INTEGER NOT NULL REFERENCES batch(id),
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    attempt_number INTEGER NOT NULL,
    previous_context TEXT,
    generation_config TEXT NOT NULL,
    image TEXT NOT NULL,
    image_sha256 TEXT NOT NULL,
    expected_input_tokens INTEGER,
    expected_output_tokens INTEGER,
    expected_usd REAL,
    max_usd REAL,
    PRIMARY KEY (batch_id, key)
) WITHOUT ROWID;
CREATE INDEX record_fingerprint ON record(fingerprint);

-- Every line the service sent back, untouched but that it is compressed (`lines.py` reads it).
CREATE TABLE response (
    batch_id INTEGER NOT NULL REFERENCES batch(id),
    line_number INTEGER NOT NULL,
    key TEXT,
    line BLOB NOT NULL,
    PRIMARY KEY (batch_id, line_number)
) WITHOUT ROWID;
CREATE INDEX response_key ON response(key);

-- One inference of one record; page holds the validated answer, NULL where it failed.
CREATE TABLE attempt (
    id INTEGER PRIMARY KEY,
    batch_id INTEGER NOT NULL REFERENCES batch(id),
    key TEXT NOT NULL,
    number INTEGER NOT NULL,
    fingerprint TEXT NOT NULL,
    ok INTEGER NOT NULL,
    page TEXT,
    finish_reason TEXT,
    prompt_tokens INTEGER NOT NULL DEFAULT 0,
    output_tokens INTEGER NOT NULL DEFAULT 0,
    thoughts_tokens INTEGER NOT NULL DEFAULT 0,
    cached_tokens INTEGER NOT NULL DEFAULT 0,
    usd REAL,
    created_at REAL NOT NULL,
    UNIQUE (batch_id, key)
);
CREATE INDEX attempt_key ON attempt(key);
CREATE INDEX attempt_fingerprint ON attempt(fingerprint) WHERE ok;

-- Why something failed. counted: it uses up one of the record's attempts (failures of a whole
-- batch do not). cleared_at: forgiven, by an operator, a forced rebuild or a later good answer.
CREATE TABLE failure (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    batch_id INTEGER REFERENCES batch(id),
    attempt_number INTEGER NOT NULL,
    engine TEXT NOT NULL,
    counted INTEGER NOT NULL,
    error_type TEXT NOT NULL,
    message TEXT NOT NULL,
    traceback TEXT,
    raw_text TEXT,
    raw_json TEXT,
    created_at REAL NOT NULL,
    cleared_at REAL
);
CREATE INDEX failure_record ON failure(batch_id, key);
CREATE INDEX failure_open ON failure(key) WHERE cleared_at IS NULL;

-- The answer each page file was written from.
CREATE TABLE page (
    key TEXT PRIMARY KEY,
    attempt_id INTEGER NOT NULL REFERENCES attempt(id),
    written_at REAL NOT NULL
) WITHOUT ROWID;

-- What is known of an image file as long as its size and time of change stay what they are.
CREATE TABLE image (
    path TEXT PRIMARY KEY,
    size_bytes INTEGER NOT NULL,
    modified_ns INTEGER NOT NULL,
    sha256 TEXT NOT NULL
) WITHOUT ROWID;

-- What an image was made from that was not sent as it was scanned: page `leaf` of a scan file, or
-- 0 for a file of one page. (The table `image` holds the scan files themselves.)
CREATE TABLE prepared_image (
    sha256 TEXT NOT NULL,
    scan_sha256 TEXT NOT NULL,
    leaf INTEGER NOT NULL,
    PRIMARY KEY (sha256, scan_sha256, leaf)
) WITHOUT ROWID;

-- Doubts about an answer that was taken: what is the guard that found it.
CREATE TABLE flag (
    id INTEGER PRIMARY KEY,
    attempt_id INTEGER NOT NULL REFERENCES attempt(id),
    key TEXT NOT NULL,
    what TEXT NOT NULL,
    message TEXT NOT NULL,
    created_at REAL NOT NULL
);
CREATE INDEX flag_attempt ON flag(attempt_id);

-- Files that the service has or may have: a row is there before the upload and until the file is
-- deleted, so that no crash leaves one behind. uri: NULL until the service said that it has it.
-- sha256: of an image, which other batches may use too; batch_id: the batch of a file of requests.
CREATE TABLE service_file (
    engine TEXT NOT NULL,
    name TEXT NOT NULL,
    sha256 TEXT,
    batch_id INTEGER REFERENCES batch(id),
    uri TEXT,
    expires_at REAL NOT NULL,
    PRIMARY KEY (engine, name)
) WITHOUT ROWID;
CREATE INDEX service_file_sha256 ON service_file(sha256);
CREATE INDEX service_file_batch ON service_file(batch_id);

-- Attempts that the log service is to be told of. status: waiting; delivered (the service has it);
-- parked (refused again and again, sent no more). AUTOINCREMENT: no number is ever given twice.
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    batch_id INTEGER NOT NULL REFERENCES batch(id),
    key TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'waiting' CHECK (status IN ('waiting', 'delivered', 'parked')),
    refusals INTEGER NOT NULL DEFAULT 0,
    last_error TEXT,
    delivered_at REAL,
    UNIQUE (batch_id, key)
);
CREATE INDEX outbox_status ON outbox(status, refusals, id);

-- One row while the log service can't be reached: the back-off, which outlives the run.
CREATE TABLE outage (
    failures INTEGER NOT NULL,
    next_try_at REAL NOT NULL,
    error TEXT NOT NULL
);
"""

# The names and columns that users of the Prefect application query, with times as its database has
# them (queries compare them as text); its column `extracted_text` is our raw text too.
VIEWS_OF_PREFECT = """
CREATE VIEW active_batches AS
    SELECT COALESCE(name, display_name) AS batch_id,
           strftime('%Y-%m-%d %H:%M:%f', intent_at, 'unixepoch') AS created_at,
           strftime('%Y-%m-%d %H:%M:%f',
                    COALESCE(collected_at, submitted_at, creating_at, intent_at),
                    'unixepoch') AS updated_at,
           CASE status WHEN 'collected' THEN 'completed' ELSE 'active' END AS status
    FROM batch WHERE status != 'abandoned';

CREATE VIEW batch_record_keys AS
    SELECT COALESCE(b.name, b.display_name) AS batch_id, r.key AS record_key,
           strftime('%Y-%m-%d %H:%M:%f', b.intent_at, 'unixepoch') AS created_at
    FROM record r JOIN batch b ON b.id = r.batch_id
    WHERE b.status IN ('intent', 'creating', 'submitted');

CREATE VIEW inflight_records AS
    SELECT record_key, batch_id, created_at FROM batch_record_keys;

CREATE VIEW failure_counts AS
    SELECT key AS record_key, SUM(counted) AS count,
           strftime('%Y-%m-%d %H:%M:%f', MAX(created_at), 'unixepoch') AS last_updated
    FROM failure WHERE cleared_at IS NULL GROUP BY key HAVING SUM(counted) > 0;

CREATE VIEW failure_logs AS
    SELECT f.id, f.key AS record_key, COALESCE(b.name, b.display_name) AS batch_id,
           f.attempt_number, f.error_type, f.message AS error_message,
           f.traceback AS error_traceback, f.raw_text AS raw_response_text,
           f.raw_text AS extracted_text, f.raw_json AS raw_response_json,
           b.model AS model_name, p.name AS prompt_name, p.template_file AS prompt_template,
           r.generation_config,
           strftime('%Y-%m-%d %H:%M:%f', f.created_at, 'unixepoch') AS created_at
    FROM failure f
    LEFT JOIN batch b ON b.id = f.batch_id
    LEFT JOIN record r ON r.batch_id = f.batch_id AND r.key = f.key
    LEFT JOIN prompt p ON p.sha256 = b.prompt_sha256;
"""

# Does a batch hold an answer for each record, and only those? `records_answered` counts records
# with at least one line, `lines_unexpected` lines that no record asked for.
BATCH_TOTALS = """
CREATE VIEW batch_totals AS
    SELECT b.id AS batch_id,
           (SELECT COUNT(*) FROM record r WHERE r.batch_id = b.id) AS records_sent,
           (SELECT COUNT(DISTINCT s.key) FROM response s JOIN record r
                ON r.batch_id = b.id AND r.key = s.key WHERE s.batch_id = b.id) AS records_answered,
           (SELECT COUNT(*) FROM response s WHERE s.batch_id = b.id) AS lines_received,
           (SELECT COUNT(*) FROM response s LEFT JOIN record r
                ON r.batch_id = b.id AND r.key = s.key
                WHERE s.batch_id = b.id AND r.key IS NULL) AS lines_unexpected,
           COUNT(a.id) AS attempts, COALESCE(SUM(a.ok), 0) AS records_valid,
           COALESCE(SUM(a.prompt_tokens), 0) AS prompt_tokens,
           COALESCE(SUM(a.output_tokens), 0) AS output_tokens,
           COALESCE(SUM(a.thoughts_tokens), 0) AS thoughts_tokens, SUM(a.usd) AS usd
    FROM batch b LEFT JOIN attempt a ON a.batch_id = b.id GROUP BY b.id;
"""

SCHEMA = TABLES + VIEWS_OF_PREFECT + BATCH_TOTALS

EXIT_CODES = """
-- The exit code and message of the job that stopped a run, where one did: see WORST_FIRST. Jobs may
-- be processes of their own, and Snakemake ends with 1 whatever they ended with.
ALTER TABLE run ADD COLUMN exit_code INTEGER;
ALTER TABLE run ADD COLUMN trouble TEXT;
"""

# What files held when they were written, by page key or as `{book id}/book.json`: another hash
# means that a person changed them. And what a person made of a page: the correction itself is a
# file, from which its row follows.
WHAT_A_PERSON_WROTE = """
CREATE TABLE written_file (
    name TEXT PRIMARY KEY,
    sha256 TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    modified_ns INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE correction (
    key TEXT PRIMARY KEY,
    page TEXT NOT NULL
) WITHOUT ROWID;
"""

# What the ledger calls itself, with a salt for hashes of keys; and with which key a batch was sent,
# as such a hash. forgets_before: what is older at the service was given up on purpose.
WHOSE_LEDGER = """
CREATE TABLE identity (id TEXT NOT NULL, salt TEXT NOT NULL, forgets_before REAL);
CREATE TABLE batch_key (
    batch_id INTEGER PRIMARY KEY REFERENCES batch(id),
    hash TEXT NOT NULL
);
"""

# Calls that were asked and answered at once, by runs of a purpose of their own. `run` keeps
# whatever other columns it has: a column's CHECK goes with it. max_usd: what the call can't go
# beyond, which a budget counts until it was answered; usd: what it cost, NULL: not known.
CALLS = """
ALTER TABLE run RENAME COLUMN purpose TO former_purpose;
ALTER TABLE run ADD COLUMN purpose TEXT NOT NULL DEFAULT 'workflow'
    CHECK (purpose IN ('workflow', 'comparison', 'trial'));
UPDATE run SET purpose = former_purpose;
ALTER TABLE run DROP COLUMN former_purpose;

CREATE TABLE call (
    id INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL REFERENCES run(id),
    key TEXT NOT NULL,
    model TEXT NOT NULL,
    prompt_sha256 TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    asked_at REAL NOT NULL,
    answered_at REAL,
    ok INTEGER,
    prompt_tokens INTEGER NOT NULL DEFAULT 0,
    output_tokens INTEGER NOT NULL DEFAULT 0,
    thoughts_tokens INTEGER NOT NULL DEFAULT 0,
    cached_tokens INTEGER NOT NULL DEFAULT 0,
    usd REAL,
    max_usd REAL
);
CREATE INDEX call_run ON call(run_id);
"""

# Counts that no service means, as older ones were kept in whatever size: their sum is one that
# SQLite can't hold. They are unknown, as they are where an answer has such counts today: the
# attempt counts as dear as it can be. (Of the embedded engine `usd` is 0.)
ABSURD_COUNTS = """
UPDATE attempt SET prompt_tokens = 0, output_tokens = 0, thoughts_tokens = 0, cached_tokens = 0,
    usd = CASE WHEN usd = 0 THEN 0.0 ELSE (SELECT max_usd FROM record r
        WHERE r.batch_id = attempt.batch_id AND r.key = attempt.key) END
    WHERE NOT (prompt_tokens BETWEEN 0 AND 2147483647 AND output_tokens BETWEEN 0 AND 2147483647
        AND thoughts_tokens BETWEEN 0 AND 2147483647 AND cached_tokens BETWEEN 0 AND 2147483647);
"""

# Calls that the log service is to be told of, as the outbox has attempts. told: JSON, as of such a
# call nothing else is kept than what it cost.
CALL_ROWS = """
CREATE TABLE call_row (
    call_id INTEGER PRIMARY KEY REFERENCES call(id),
    told TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'waiting' CHECK (status IN ('waiting', 'delivered', 'parked')),
    refusals INTEGER NOT NULL DEFAULT 0,
    last_error TEXT,
    delivered_at REAL
);
CREATE INDEX call_row_status ON call_row(status, refusals);
"""

# The road that a batch's requests took: `batch`, or, of a single call, the tier that it asked for.
# Such a call is a batch of one record, whose state is UNANSWERED where its answer was lost.
ROADS = """
ALTER TABLE batch ADD COLUMN transport TEXT NOT NULL DEFAULT 'batch';
"""

# Which model answered, as the response says: another one may, at its own price, once the one that
# was asked for has ended (`batch.model`). NULL: not said. Times are Unix seconds. Answers that were
# read before have none until `pagewave models --fill-served` reads them from `response`. And of a
# record what a retry changed, in words; NULL: nothing, or it was asked before that was kept.
WHO_SERVED = """
ALTER TABLE attempt ADD COLUMN model_served TEXT;
ALTER TABLE attempt ADD COLUMN model_stage TEXT;
ALTER TABLE attempt ADD COLUMN model_retires_at REAL;
ALTER TABLE attempt ADD COLUMN model_message TEXT;
ALTER TABLE attempt ADD COLUMN service_tier TEXT;
ALTER TABLE record ADD COLUMN step TEXT;
"""

# How many requests of a batch are done, answered or not, as the service said while it went on.
BATCH_PROGRESS = """
CREATE TABLE batch_progress (
    batch_id INTEGER PRIMARY KEY REFERENCES batch(id),
    done INTEGER NOT NULL
);
"""

# What the folders of books are called, the outermost first: all keys are made of these. Without a
# row nothing was read yet; what was read before they could be chosen lies in the first three.
LEVELS = """
CREATE TABLE level (
    place INTEGER PRIMARY KEY,
    name TEXT NOT NULL
);
INSERT INTO level SELECT column1, column2 FROM (VALUES (0, 'state'), (1, 'school'), (2, 'year'))
    WHERE EXISTS (SELECT 1 FROM run);
"""

# A purpose more: calls by the tier `flex` that tell how long they take.
PROBES = """
ALTER TABLE run RENAME COLUMN purpose TO former_purpose;
ALTER TABLE run ADD COLUMN purpose TEXT NOT NULL DEFAULT 'workflow'
    CHECK (purpose IN ('workflow', 'comparison', 'trial', 'probe'));
UPDATE run SET purpose = former_purpose;
ALTER TABLE run DROP COLUMN former_purpose;
"""

# What single calls of a model met, in Unix seconds: since when flex has refused most of what it was
# asked (NULL: it answers) and when it is asked again; until when the calls of a day are used up, by
# the service's own word.
CLOSED_ROADS = """
CREATE TABLE closed_road (
    engine TEXT NOT NULL,
    model TEXT NOT NULL,
    refused_since REAL,
    ask_again_at REAL,
    used_up_until REAL NOT NULL DEFAULT 0,
    PRIMARY KEY (engine, model)
);
"""

# Which model answered a call of a trial or a probe, and by which tier, as of attempts.
WHO_SERVED_CALLS = """
ALTER TABLE call ADD COLUMN model_served TEXT;
ALTER TABLE call ADD COLUMN service_tier TEXT;
"""

# What gives reason to doubt that a page's picture can be read: found before it is paid for. A row
# without `what` says that nothing was found in this picture.
PICTURES = """
CREATE TABLE picture (
    key TEXT NOT NULL,
    what TEXT NOT NULL,
    message TEXT NOT NULL,
    image_sha256 TEXT NOT NULL,
    PRIMARY KEY (key, what)
) WITHOUT ROWID;
"""

# About which share of a picture lines of print take up, from 0 to 1: how long an answer will be is
# guessed from that. NULL: it was not looked at for that, or before this was kept.
SHARE_OF_PRINT = """
ALTER TABLE picture ADD COLUMN share_of_print REAL;
"""

STEPS: list[str] = [
    *(EXIT_CODES, WHAT_A_PERSON_WROTE, WHOSE_LEDGER, CALLS, ABSURD_COUNTS),
    *(CALL_ROWS, ROADS, WHO_SERVED, BATCH_PROGRESS, PROBES, CLOSED_ROADS),
    *(WHO_SERVED_CALLS, PICTURES, LEVELS, SHARE_OF_PRINT),
]
"""Changes after SCHEMA, oldest first: the first one leads to version 12, and so on."""


def newest_version() -> int:
    """The version of a ledger that has taken all steps."""
    return SCHEMA_VERSION + len(STEPS)


def version(connection: sqlite3.Connection) -> int:
    """How far a ledger is; 0 for an empty file."""
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    assert isinstance(found, int)
    return found


def refuse_version(path: Path, found: int) -> None:
    """Make sure that a ledger of this version can be read, or brought to the newest one.

    Raises:
        LedgerError: it is newer than this pagewave, or older than its first release.
    """
    if found > newest_version():
        raise LedgerError(
            f"{path}: this ledger was written by a newer pagewave. Update pagewave, or use "
            "another paths.state_dir."
        )
    if 0 < found < SCHEMA_VERSION:
        advice = damaged()
        raise LedgerError(
            f"{path}: this ledger is from before pagewave's first release (version {found}, not "
            f"{SCHEMA_VERSION}); a run with commit bc4c192 still brings it up to date. Else: "
            f"{advice[0].lower()}{advice[1:]}"
        )


def migrate(connection: sqlite3.Connection) -> None:
    """Take the steps that are missing, each in a transaction of its own; an empty file begins with
    the schema.

    Foreign keys must not be enforced meanwhile (SQLite's default), so that a step can rebuild a
    table; they are checked before a step is kept.

    Raises:
        sqlite3.Error: a step failed; the ledger is as it was before that step.
    """
    for number, step in enumerate([SCHEMA, *STEPS], SCHEMA_VERSION):
        if number > version(connection):
            _take(connection, number, step)


def _take(connection: sqlite3.Connection, number: int, step: str) -> None:
    try:
        connection.executescript(f"BEGIN IMMEDIATE; {step} PRAGMA user_version = {number};")
        if connection.execute("PRAGMA foreign_key_check").fetchone():
            raise sqlite3.IntegrityError(f"step {number} left rows without their parents")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
