-- The protocol's tables. Ids and digests are blobs, times are microseconds, JSON is text.
-- SQLite has no schemas: the prefix keeps them apart from tables of the flow's author in the
-- same file, which `local` effects write in the same transaction.

CREATE TABLE mainstay_flow_versions (
    name       TEXT NOT NULL,
    version    INTEGER NOT NULL,
    definition BLOB NOT NULL,
    body       TEXT NOT NULL,
    PRIMARY KEY (name, version)
) WITHOUT ROWID;

CREATE TABLE mainstay_lanes (
    lane       INTEGER PRIMARY KEY,
    flow       TEXT NOT NULL,
    version    INTEGER NOT NULL,
    definition BLOB NOT NULL,
    UNIQUE (flow, version, definition)
);

CREATE TABLE mainstay_sessions (
    session_id BLOB PRIMARY KEY,
    name       TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked    INTEGER NOT NULL DEFAULT 0,
    draining   INTEGER NOT NULL DEFAULT 0,
    proof      TEXT,
    lanes      TEXT NOT NULL
) WITHOUT ROWID;

-- Changed on claim, park, finish and inbox only; no column that changes is indexed.
CREATE TABLE mainstay_runs (
    run_id     BLOB PRIMARY KEY,
    tenant     TEXT NOT NULL,
    lane       INTEGER NOT NULL,
    status     TEXT NOT NULL CHECK (status IN
        ('queued', 'running', 'parked', 'completed', 'failed', 'cancelled', 'partial')),
    wait       TEXT,
    wake_after INTEGER NOT NULL DEFAULT 0,
    epoch      INTEGER NOT NULL DEFAULT 0,
    owner      BLOB,
    inbox_head INTEGER NOT NULL DEFAULT 0,
    inbox_read INTEGER NOT NULL DEFAULT 0,
    checkpoint INTEGER NOT NULL DEFAULT 0,
    crashes    INTEGER NOT NULL DEFAULT 0,
    parent     BLOB,
    priority   INTEGER NOT NULL,
    tags       TEXT NOT NULL,
    created_at INTEGER NOT NULL
) WITHOUT ROWID;

-- The state machine's second lock: `RunStatus::may_become` is the first.
CREATE TRIGGER mainstay_runs_begin_queued BEFORE INSERT ON mainstay_runs
WHEN NEW.status <> 'queued'
BEGIN
    SELECT RAISE(ABORT, 'illegal transition: a run begins queued');
END;

CREATE TRIGGER mainstay_runs_change_status BEFORE UPDATE OF status ON mainstay_runs
WHEN OLD.status <> NEW.status AND (OLD.status, NEW.status) NOT IN (VALUES
    ('queued', 'running'),
    ('running', 'queued'), ('running', 'parked'),
    ('running', 'completed'), ('running', 'failed'),
    ('running', 'cancelled'), ('running', 'partial'),
    ('parked', 'queued'))
BEGIN
    SELECT RAISE(ABORT, 'illegal transition of a run''s status');
END;

CREATE TABLE mainstay_run_keys (
    tenant       TEXT NOT NULL,
    key          TEXT NOT NULL,
    run_id       BLOB NOT NULL,
    input_digest BLOB NOT NULL,
    PRIMARY KEY (tenant, key)
) WITHOUT ROWID;

-- `pass` rises with each enqueue, because a new row's is above those that stand here.
CREATE TABLE mainstay_ready (
    pass     INTEGER PRIMARY KEY,
    run_id   BLOB NOT NULL UNIQUE,
    tenant   TEXT NOT NULL,
    lane     INTEGER NOT NULL,
    priority INTEGER NOT NULL
);
CREATE INDEX mainstay_ready_order ON mainstay_ready (lane, priority, pass);

CREATE TABLE mainstay_claims (
    run_id     BLOB PRIMARY KEY,
    tenant     TEXT NOT NULL,
    owner      BLOB NOT NULL,
    inbox_seen INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX mainstay_claims_owner ON mainstay_claims (owner);

-- Append-only; the primary key is the fence.
CREATE TABLE mainstay_journal (
    run_id   BLOB NOT NULL,
    position INTEGER NOT NULL,
    tenant   TEXT NOT NULL,
    epoch    INTEGER NOT NULL,
    prev     BLOB NOT NULL,
    link     BLOB NOT NULL,
    kind     TEXT NOT NULL,
    at       INTEGER NOT NULL,
    body     BLOB NOT NULL,
    payloads BLOB,
    PRIMARY KEY (run_id, position)
) WITHOUT ROWID;

CREATE TABLE mainstay_payloads (
    week   INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    digest BLOB NOT NULL,
    bytes  BLOB NOT NULL,
    PRIMARY KEY (week, tenant, digest)
);

CREATE TABLE mainstay_inbox (
    run_id   BLOB NOT NULL,
    position INTEGER NOT NULL,
    tenant   TEXT NOT NULL,
    key      TEXT NOT NULL,
    body     TEXT NOT NULL,
    payloads BLOB,
    PRIMARY KEY (run_id, position),
    UNIQUE (run_id, key)
) WITHOUT ROWID;

CREATE TABLE mainstay_timers (
    run_id BLOB NOT NULL,
    key    TEXT NOT NULL,
    tenant TEXT NOT NULL,
    due_at INTEGER NOT NULL,
    PRIMARY KEY (run_id, key)
) WITHOUT ROWID;
CREATE INDEX mainstay_timers_due ON mainstay_timers (due_at, run_id, key);

CREATE TABLE mainstay_outbox (
    seq      INTEGER PRIMARY KEY,
    run_id   BLOB NOT NULL,
    position INTEGER NOT NULL,
    n        INTEGER NOT NULL,
    tenant   TEXT NOT NULL,
    message  TEXT NOT NULL,
    UNIQUE (run_id, position, n)
);

CREATE TABLE mainstay_reviews (
    review_id BLOB PRIMARY KEY,
    run_id    BLOB NOT NULL,
    tenant    TEXT NOT NULL,
    queue     TEXT NOT NULL,
    opened_at INTEGER NOT NULL,
    open      INTEGER NOT NULL DEFAULT 1,
    request   TEXT NOT NULL,
    outcome   TEXT
) WITHOUT ROWID;
CREATE INDEX mainstay_reviews_open ON mainstay_reviews (opened_at, review_id) WHERE open;
CREATE INDEX mainstay_reviews_of_run ON mainstay_reviews (run_id, opened_at, review_id);

-- The searchable list, and which runs it must look at again.
CREATE TABLE mainstay_run_index (
    run_id     BLOB PRIMARY KEY,
    tenant     TEXT NOT NULL,
    flow       TEXT NOT NULL,
    version    INTEGER NOT NULL,
    definition BLOB NOT NULL,
    status     TEXT NOT NULL,
    wait       TEXT,
    parent     BLOB,
    tags       TEXT NOT NULL,
    created_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE mainstay_run_changes (
    run_id BLOB PRIMARY KEY
) WITHOUT ROWID;
