-- The oldest program that may work with a version; without it, that of the version alone.
ALTER TABLE mainstay_schema ADD COLUMN oldest INTEGER;

-- Where runs that moved to another week went: an id leads to the one its run has now.
CREATE TABLE mainstay_run_alias (
    run_id BLOB PRIMARY KEY,
    home   BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX mainstay_run_alias_home ON mainstay_run_alias (home);

-- What one process does at a time. The term rises with each new holder.
CREATE TABLE mainstay_duties (
    duty       TEXT PRIMARY KEY,
    holder     BLOB NOT NULL,
    term       INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) WITHOUT ROWID;
