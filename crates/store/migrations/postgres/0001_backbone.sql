-- The backbone: flows, sessions, runs, journals, inboxes, timers, reviews, messages to others.
--
-- Rules that hold for every table here:
--   times are microseconds since 1970 UTC, so that a simulated clock fits;
--   every row knows its tenant, and a tenant leads every key that a client chooses;
--   no foreign keys, and no trigger but the status check: both cost the hot path;
--   what a program reads as JSON is `text`: `jsonb` refuses `\u0000`, which people do write.

CREATE SCHEMA mainstay;

CREATE TABLE mainstay.schema_version (
    version    bigint PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- The store's clock: simulated if the program says so, else this server's.
CREATE FUNCTION mainstay.clock(simulated bigint) RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
    SELECT COALESCE(simulated, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)
$$;

CREATE TYPE mainstay.run_status AS ENUM
    ('queued', 'running', 'parked', 'completed', 'failed', 'cancelled', 'partial');

-- Flow versions, and the small number each is known by in hot tables.

CREATE TABLE mainstay.flow_versions (
    tenant     text   NOT NULL DEFAULT '',
    flow       text   NOT NULL,
    version    bigint NOT NULL,
    definition bytea  NOT NULL,
    content    text   NOT NULL,
    PRIMARY KEY (tenant, flow, version)
);

CREATE TABLE mainstay.lanes (
    lane       integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    flow       text    NOT NULL,
    version    bigint  NOT NULL,
    definition bytea   NOT NULL,
    UNIQUE (flow, version, definition)
);

-- Worker sessions: one row changed per beat.

CREATE TABLE mainstay.workers (
    session_id   uuid    PRIMARY KEY,
    name         text    NOT NULL,
    lanes        text    NOT NULL,
    proof        text,
    lock_key     bigint  NOT NULL,
    heartbeat_at bigint  NOT NULL,
    expires_at   bigint  NOT NULL,
    revoked      boolean NOT NULL DEFAULT false,
    draining     boolean NOT NULL DEFAULT false
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);

-- Runs: narrow, without secondary indexes, so that every change of a row stays in its page.

CREATE TABLE mainstay.runs (
    run_id     uuid     NOT NULL,
    owner      uuid,
    parent     uuid,
    epoch      bigint   NOT NULL DEFAULT 0,
    inbox_head bigint   NOT NULL DEFAULT 0,
    inbox_read bigint   NOT NULL DEFAULT 0,
    checkpoint bigint   NOT NULL DEFAULT 0,
    created_at bigint   NOT NULL,
    lane       integer  NOT NULL,
    crashes    integer  NOT NULL DEFAULT 0,
    wake_after integer  NOT NULL DEFAULT 0,
    status     mainstay.run_status NOT NULL DEFAULT 'queued',
    priority   smallint NOT NULL,
    tenant     text     NOT NULL,
    tags       text     NOT NULL DEFAULT '',
    wait       text     COMPRESSION lz4,
    PRIMARY KEY (run_id)
) PARTITION BY RANGE (run_id);

CREATE TABLE mainstay.run_keys (
    tenant     text   NOT NULL,
    key        text   NOT NULL,
    input      bytea  NOT NULL,
    run_id     uuid   NOT NULL,
    created_at bigint NOT NULL,
    PRIMARY KEY (tenant, key)
);

-- The state machine, a second time: what `RunStatus::may_become` allows.

CREATE FUNCTION mainstay.check_status() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.status, NEW.status) NOT IN (
        ('queued', 'running'),
        ('running', 'queued'), ('running', 'parked'),
        ('running', 'completed'), ('running', 'failed'),
        ('running', 'cancelled'), ('running', 'partial'),
        ('parked', 'queued')
    ) THEN
        RAISE EXCEPTION 'run % cannot go from % to %', NEW.run_id, OLD.status, NEW.status
            USING ERRCODE = 'MS001';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER check_status BEFORE UPDATE OF status ON mainstay.runs
FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)
EXECUTE FUNCTION mainstay.check_status();

-- What can run now, and what runs now.

CREATE SEQUENCE mainstay.ready_pass;

CREATE TABLE mainstay.ready (
    run_id   uuid     PRIMARY KEY,
    pass     bigint   NOT NULL DEFAULT nextval('mainstay.ready_pass'),
    lane     integer  NOT NULL,
    priority smallint NOT NULL,
    tenant   text     NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
        autovacuum_vacuum_cost_delay = 0);
CREATE INDEX ready_order ON mainstay.ready (lane, priority, pass);

CREATE TABLE mainstay.claims (
    run_id     uuid   PRIMARY KEY,
    owner      uuid   NOT NULL,
    inbox_seen bigint NOT NULL,
    tenant     text   NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
        autovacuum_vacuum_cost_delay = 0);
CREATE INDEX claims_owner ON mainstay.claims (owner);

-- The truth, and the fence. `body` and `inline` are bytes: nothing in them can be refused.

CREATE TABLE mainstay.journal (
    run_id   uuid   NOT NULL,
    position bigint NOT NULL,
    epoch    bigint NOT NULL,
    at       bigint NOT NULL,
    tenant   text   NOT NULL,
    kind     text   NOT NULL,
    prev     bytea  NOT NULL,
    link     bytea  NOT NULL,
    body     bytea  COMPRESSION lz4 NOT NULL,
    inline   bytea  COMPRESSION lz4,
    PRIMARY KEY (run_id, position)
) PARTITION BY RANGE (run_id);

-- Large payloads arrive compressed: a second try would only cost time.

CREATE TABLE mainstay.payloads (
    week   bigint NOT NULL,
    tenant text   NOT NULL,
    digest bytea  NOT NULL,
    bytes  bytea  NOT NULL,
    PRIMARY KEY (week, tenant, digest)
) PARTITION BY RANGE (week);
ALTER TABLE mainstay.payloads ALTER COLUMN bytes SET STORAGE EXTERNAL;

CREATE TABLE mainstay.inbox (
    run_id   uuid   NOT NULL,
    position bigint NOT NULL,
    at       bigint NOT NULL,
    tenant   text   NOT NULL,
    key      text   NOT NULL,
    body     text   COMPRESSION lz4 NOT NULL,
    payloads bytea  COMPRESSION lz4,
    PRIMARY KEY (run_id, position),
    UNIQUE (run_id, key)
);

CREATE TABLE mainstay.timers (
    run_id uuid     NOT NULL,
    due_at bigint   NOT NULL,
    shard  smallint NOT NULL DEFAULT 0,
    tenant text     NOT NULL,
    key    text     NOT NULL,
    PRIMARY KEY (run_id, key)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
CREATE INDEX timers_due ON mainstay.timers (shard, due_at, run_id);

CREATE TABLE mainstay.reviews (
    review_id  uuid    PRIMARY KEY,
    run_id     uuid    NOT NULL,
    opened_at  bigint  NOT NULL,
    expires_at bigint,
    open       boolean NOT NULL DEFAULT true,
    tenant     text    NOT NULL,
    queue      text    NOT NULL,
    digest     bytea   NOT NULL,
    request    text    COMPRESSION lz4 NOT NULL,
    outcome    text
);
CREATE INDEX reviews_open ON mainstay.reviews (opened_at, review_id) WHERE open;
CREATE INDEX reviews_run ON mainstay.reviews (run_id);

CREATE TABLE mainstay.outbox (
    run_id   uuid     NOT NULL,
    position bigint   NOT NULL,
    n        integer  NOT NULL,
    shard    smallint NOT NULL DEFAULT 0,
    sent     bigint   GENERATED ALWAYS AS IDENTITY,
    tenant   text     NOT NULL,
    message  text     COMPRESSION lz4 NOT NULL,
    PRIMARY KEY (run_id, position, n)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
CREATE INDEX outbox_order ON mainstay.outbox (shard, sent);

-- The searchable list, and which of its rows are behind.

CREATE TABLE mainstay.run_index (
    run_id     uuid   PRIMARY KEY,
    parent     uuid,
    created_at bigint NOT NULL,
    lane       integer NOT NULL,
    status     mainstay.run_status NOT NULL,
    tenant     text   NOT NULL,
    tags       text   NOT NULL,
    wait       text   COMPRESSION lz4
) WITH (fillfactor = 80);
CREATE INDEX run_index_tenant ON mainstay.run_index (tenant, run_id DESC);
CREATE INDEX run_index_status ON mainstay.run_index (status, run_id DESC);

CREATE TABLE mainstay.run_changes (
    change bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id uuid   NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

-- Partitions: a week of run ids is a week of time, because ids start with milliseconds.

CREATE TABLE mainstay.runs_default PARTITION OF mainstay.runs DEFAULT
    WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
CREATE TABLE mainstay.journal_default PARTITION OF mainstay.journal DEFAULT;
CREATE TABLE mainstay.payloads_default PARTITION OF mainstay.payloads DEFAULT;

-- The lowest run id of a week: 48 bits of milliseconds, then zeros.
CREATE FUNCTION mainstay.week_start(week bigint) RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT (lpad(to_hex(week * 604800000), 12, '0') || repeat('0', 20))::uuid
$$;

-- Makes a table beside its parent and attaches it: `CREATE TABLE … PARTITION OF` would lock the
-- parent against everybody.
CREATE FUNCTION mainstay.attach_week(parent text, week bigint, low text, high text, settings text)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    child text := parent || '_' || to_char(to_timestamp(week * 604800) AT TIME ZONE 'UTC', 'YYYYMMDD');
BEGIN
    EXECUTE format('CREATE TABLE mainstay.%I (LIKE mainstay.%I INCLUDING ALL) %s',
                   child, parent, settings);
    EXECUTE format('ALTER TABLE mainstay.%I ATTACH PARTITION mainstay.%I FOR VALUES FROM (%L) TO (%L)',
                   parent, child, low, high);
END $$;

-- Makes a week's partitions; false if they are there. It runs with its owner's rights, so that a
-- worker's role needs none to make tables.
CREATE FUNCTION mainstay.ensure_week(week bigint) RETURNS boolean LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    low  text := mainstay.week_start(week);
    high text := mainstay.week_start(week + 1);
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('mainstay.ensure_week', 0));
    IF to_regclass('mainstay.runs_' || to_char(to_timestamp(week * 604800) AT TIME ZONE 'UTC', 'YYYYMMDD'))
       IS NOT NULL THEN
        RETURN false;
    END IF;
    PERFORM mainstay.attach_week('runs', week, low, high,
        'WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02)');
    PERFORM mainstay.attach_week('journal', week, low, high,
        'WITH (autovacuum_vacuum_insert_scale_factor = 0.1)');
    PERFORM mainstay.attach_week('payloads', week, week::text, (week + 1)::text, '');
    RETURN true;
END $$;
