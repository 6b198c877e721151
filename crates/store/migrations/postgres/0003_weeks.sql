-- The oldest program that may work with a version; without it, that of the version alone.
ALTER TABLE mainstay.schema_version ADD COLUMN oldest bigint;

-- Where runs that moved to another week went: an id leads to the one its run has now. Not
-- partitioned: an alias lives as long as the run it leads to.
CREATE TABLE mainstay.run_alias (
    run_id uuid PRIMARY KEY,
    home   uuid NOT NULL
);
CREATE INDEX run_alias_home ON mainstay.run_alias (home);

-- What one process does at a time. The term rises with each new holder.
CREATE TABLE mainstay.duties (
    duty       text   PRIMARY KEY,
    holder     uuid   NOT NULL,
    term       bigint NOT NULL,
    expires_at bigint NOT NULL
);

-- The date a week's partitions are named by.
CREATE FUNCTION mainstay.week_name(week bigint) RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $$
    SELECT to_char(to_timestamp(week * 604800) AT TIME ZONE 'UTC', 'YYYYMMDD')
$$;

-- How many unfinished runs keep a week.
CREATE FUNCTION mainstay.week_kept_by(week bigint) RETURNS bigint
LANGUAGE sql STABLE STRICT AS $$
    SELECT count(*) FROM mainstay.runs
    WHERE run_id >= mainstay.week_start(week) AND run_id < mainstay.week_start(week + 1)
      AND status IN ('queued', 'running', 'parked')
$$;

-- Drops a week's partitions as a whole. Returns how many unfinished runs keep the week; 0 when it
-- has no partitions any more, -1 when others were at work and it was left as it was.
--
-- A parent with a default partition cannot have another detached concurrently, so this takes the
-- parents' locks for the moment of the detaching, and gives up soon where it would have to wait
-- for them: whoever waits for such a lock makes everybody wait behind it. It runs with its owner's
-- rights, so that a worker's role needs none to drop tables.
CREATE FUNCTION mainstay.drop_week(week bigint) RETURNS bigint LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms' AS $$
DECLARE
    kept   bigint := mainstay.week_kept_by(week);
    parent text;
    child  text;
BEGIN
    IF kept > 0 OR to_regclass('mainstay.runs_' || mainstay.week_name(week)) IS NULL THEN
        RETURN kept;
    END IF;
    LOCK TABLE mainstay.runs, mainstay.journal, mainstay.payloads IN ACCESS EXCLUSIVE MODE;
    -- A run may have begun meanwhile.
    kept := mainstay.week_kept_by(week);
    IF kept > 0 THEN
        RETURN kept;
    END IF;
    FOREACH parent IN ARRAY ARRAY['runs', 'journal', 'payloads'] LOOP
        child := parent || '_' || mainstay.week_name(week);
        EXECUTE format('ALTER TABLE mainstay.%I DETACH PARTITION mainstay.%I', parent, child);
        EXECUTE format('DROP TABLE mainstay.%I', child);
    END LOOP;
    RETURN 0;
EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
    RETURN -1;
END $$;

-- Removes row by row what a week has in tables without weeks and in the default partitions, before
-- its partitions go: as long as a journal is there, the week is found again. Returns how many
-- unfinished runs keep the week; 0 when nothing is left, -2 when there is more.
CREATE FUNCTION mainstay.sweep_week(week bigint, at_most bigint) RETURNS bigint LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    low   uuid := mainstay.week_start(week);
    high  uuid := mainstay.week_start(week + 1);
    kept  bigint := mainstay.week_kept_by(week);
    rest  bigint := at_most;
    gone  bigint;
    place text;
BEGIN
    IF kept > 0 THEN
        RETURN kept;
    END IF;
    DELETE FROM mainstay.run_alias WHERE home >= low AND home < high;
    -- A key keeps leading to a run that moved.
    DELETE FROM mainstay.run_keys k WHERE k.run_id >= low AND k.run_id < high
        AND NOT EXISTS (SELECT FROM mainstay.run_alias a WHERE a.run_id = k.run_id);
    DELETE FROM mainstay.payloads_default p WHERE p.week = sweep_week.week;
    FOREACH place IN ARRAY
        ARRAY['inbox', 'reviews', 'run_index', 'runs_default', 'journal_default'] LOOP
        EXECUTE format(
            'DELETE FROM mainstay.%1$I WHERE ctid = ANY(ARRAY(
                 SELECT ctid FROM mainstay.%1$I WHERE run_id >= $1 AND run_id < $2 LIMIT $3))',
            place) USING low, high, rest;
        GET DIAGNOSTICS gone = ROW_COUNT;
        rest := rest - gone;
        IF rest <= 0 THEN
            RETURN -2;
        END IF;
    END LOOP;
    RETURN 0;
END $$;
