"""The ledger's schema, as numbered steps; `PRAGMA user_version` counts those taken.

A step is never edited once released; a change is a new step at the end. Times are Unix seconds.
"""

import sqlite3

LEDGER = """
-- One invocation of the workflow that really ran (a dry run leaves no row).
CREATE TABLE run (
    id TEXT PRIMARY KEY,
    started_at REAL NOT NULL,
    ended_at REAL,
    outcome TEXT,
    engine TEXT NOT NULL,
    model TEXT NOT NULL
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

-- Pages that a forced run wants read again: answers older than `since` do not count.
CREATE TABLE rebuild (
    key TEXT PRIMARY KEY,
    since REAL NOT NULL,
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

-- One page in one batch, with all that its request was made of.
CREATE TABLE record (
    batch_id INTEGER NOT NULL REFERENCES batch(id),
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    attempt_number INTEGER NOT NULL,
    previous_context TEXT,
    generation_config TEXT NOT NULL,
    image TEXT NOT NULL,
    image_sha256 TEXT NOT NULL,
    PRIMARY KEY (batch_id, key)
) WITHOUT ROWID;
CREATE INDEX record_fingerprint ON record(fingerprint);

-- Every line the service sent back, untouched.
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
CREATE INDEX failure_open ON failure(key) WHERE cleared_at IS NULL;

-- The answer each page file was written from.
CREATE TABLE page (
    key TEXT PRIMARY KEY,
    attempt_id INTEGER NOT NULL REFERENCES attempt(id),
    written_at REAL NOT NULL
) WITHOUT ROWID;

-- Files that the service still has, by content.
CREATE TABLE upload (
    engine TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    name TEXT NOT NULL,
    uri TEXT NOT NULL,
    expires_at REAL NOT NULL,
    PRIMARY KEY (engine, sha256)
) WITHOUT ROWID;
"""

# The names and columns that users of the Prefect application query.
SEED_VIEWS = """
CREATE VIEW active_batches AS
    SELECT COALESCE(name, display_name) AS batch_id,
           strftime('%Y-%m-%dT%H:%M:%SZ', intent_at, 'unixepoch') AS created_at,
           strftime('%Y-%m-%dT%H:%M:%SZ', COALESCE(submitted_at, creating_at, intent_at),
                    'unixepoch') AS updated_at,
           'active' AS status
    FROM batch WHERE status IN ('intent', 'creating', 'submitted');

CREATE VIEW batch_record_keys AS
    SELECT COALESCE(b.name, b.display_name) AS batch_id, r.key AS record_key,
           strftime('%Y-%m-%dT%H:%M:%SZ', b.intent_at, 'unixepoch') AS created_at
    FROM record r JOIN batch b ON b.id = r.batch_id
    WHERE b.status IN ('intent', 'creating', 'submitted');

CREATE VIEW inflight_records AS
    SELECT record_key, batch_id, created_at FROM batch_record_keys;

CREATE VIEW failure_counts AS
    SELECT key AS record_key, SUM(counted) AS count,
           strftime('%Y-%m-%dT%H:%M:%SZ', MAX(created_at), 'unixepoch') AS last_updated
    FROM failure WHERE cleared_at IS NULL GROUP BY key HAVING SUM(counted) > 0;

CREATE VIEW failure_logs AS
    SELECT f.id, f.key AS record_key, COALESCE(b.name, b.display_name) AS batch_id,
           f.attempt_number, f.error_type, f.message AS error_message,
           f.traceback AS error_traceback, f.raw_text AS raw_response_text,
           f.raw_json AS raw_response_json, b.model AS model_name, p.name AS prompt_name,
           p.template_file AS prompt_template, r.generation_config,
           strftime('%Y-%m-%dT%H:%M:%SZ', f.created_at, 'unixepoch') AS created_at
    FROM failure f
    LEFT JOIN batch b ON b.id = f.batch_id
    LEFT JOIN record r ON r.batch_id = f.batch_id AND r.key = f.key
    LEFT JOIN prompt p ON p.sha256 = b.prompt_sha256;
"""

IMAGES = """
-- What is known of an image file as long as its size and time of change stay what they are.
CREATE TABLE image (
    path TEXT PRIMARY KEY,
    size_bytes INTEGER NOT NULL,
    modified_ns INTEGER NOT NULL,
    sha256 TEXT NOT NULL
) WITHOUT ROWID;
"""

# The same with times as that application's database has them (queries compare them as text), with
# batches that ended, and with the column `extracted_text`, which is our raw text too.
SEED_VIEWS_IN_FULL = """
DROP VIEW inflight_records;
DROP VIEW batch_record_keys;
DROP VIEW active_batches;
DROP VIEW failure_counts;
DROP VIEW failure_logs;

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

FLAGS = """
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

SERVICE_FILES = """
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
INSERT INTO service_file SELECT engine, name, sha256, NULL, uri, expires_at FROM upload;
INSERT OR IGNORE INTO service_file
    SELECT engine, input_file, NULL, id, NULL, creating_at + 48 * 3600
    FROM batch WHERE input_file IS NOT NULL AND status IN ('creating', 'submitted');
DROP TABLE upload;
"""

REBUILDS_BY_BATCH = """
-- Pages that a forced run wants read again: answers of batches up to this one do not count. Not a
-- time: after a clock was set back, no answer would be young enough, and each be paid for in vain.
ALTER TABLE rebuild RENAME TO rebuild_by_time;
CREATE TABLE rebuild (
    key TEXT PRIMARY KEY,
    after_batch INTEGER NOT NULL,
    run_id TEXT NOT NULL REFERENCES run(id)
) WITHOUT ROWID;
INSERT INTO rebuild
    SELECT key, (SELECT COALESCE(MAX(id), 0) FROM batch WHERE intent_at < since), run_id
    FROM rebuild_by_time;
DROP TABLE rebuild_by_time;
"""

OUTBOX = """
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
CREATE INDEX failure_record ON failure(batch_id, key);

-- One row while the log service can't be reached: the back-off, which outlives the run.
CREATE TABLE outage (
    failures INTEGER NOT NULL,
    next_try_at REAL NOT NULL,
    error TEXT NOT NULL
);

-- What was read before this step can be told too.
INSERT INTO outbox (batch_id, key)
    SELECT batch_id, key FROM attempt
    UNION SELECT batch_id, key FROM failure WHERE counted AND batch_id IS NOT NULL;
"""

RUN_PURPOSE = """
-- What a run was for: comparisons of prompts cost money too, but what they find changes nothing for
-- the workflow: neither do their failures count, nor do their answers forgive any.
ALTER TABLE run ADD COLUMN purpose TEXT NOT NULL DEFAULT 'workflow'
    CHECK (purpose IN ('workflow', 'comparison'));
"""

PREPARED_IMAGES = """
-- What an image was made from that was not sent as it was scanned: page `leaf` of a scan file, or
-- 0 for a file of one page. (The table `image` holds the scan files themselves.)
CREATE TABLE prepared_image (
    sha256 TEXT NOT NULL,
    scan_sha256 TEXT NOT NULL,
    leaf INTEGER NOT NULL,
    PRIMARY KEY (sha256, scan_sha256, leaf)
) WITHOUT ROWID;
"""

MIGRATIONS = [
    LEDGER + SEED_VIEWS,
    IMAGES,
    SEED_VIEWS_IN_FULL,
    FLAGS,
    BATCH_TOTALS,
    SERVICE_FILES,
    REBUILDS_BY_BATCH,
    OUTBOX,
    RUN_PURPOSE,
    PREPARED_IMAGES,
]
"""All steps, oldest first; a ledger at version N has taken the first N."""


def version(connection: sqlite3.Connection) -> int:
    """The number of steps a ledger has taken; 0 for an empty file."""
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    assert isinstance(found, int)
    return found


def migrate(connection: sqlite3.Connection) -> None:
    """Take the steps that are missing, each in a transaction of its own.

    Foreign keys must not be enforced meanwhile (SQLite's default), so that a step can rebuild a
    table; they are checked before a step is kept.

    Raises:
        sqlite3.Error: a step failed; the ledger is as it was before that step.
    """
    for number in range(version(connection), len(MIGRATIONS)):
        try:
            connection.executescript(
                f"BEGIN IMMEDIATE; {MIGRATIONS[number]} PRAGMA user_version = {number + 1};"
            )
            if connection.execute("PRAGMA foreign_key_check").fetchone():
                raise sqlite3.IntegrityError(f"step {number + 1} left rows without their parents")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
