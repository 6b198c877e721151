-- The journal in the order in which it is written. It was clustered by run, so that a commit of many
-- runs changed a page for each of them and, for rows of more than a kilobyte, another one behind it;
-- now they share the last pages of the table, and the index alone is ordered by run.
CREATE TABLE mainstay_journal_in_order (
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
);
INSERT INTO mainstay_journal_in_order
    (run_id, position, tenant, epoch, prev, link, kind, at, body, payloads)
SELECT run_id, position, tenant, epoch, prev, link, kind, at, body, payloads
FROM mainstay_journal ORDER BY run_id, position;
DROP TABLE mainstay_journal;
ALTER TABLE mainstay_journal_in_order RENAME TO mainstay_journal;
