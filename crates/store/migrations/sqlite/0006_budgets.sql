-- What all runs of a scope may use up together in a period. `granted` is what was given out to the
-- sessions of workers, dead ones included, and `spent` what of that is known to be spent: an object
-- with an amount for each dimension.
CREATE TABLE mainstay_budget_accounts (
    scope   TEXT NOT NULL,
    period  TEXT NOT NULL,
    begins  INTEGER NOT NULL,
    ends    INTEGER NOT NULL,
    granted TEXT NOT NULL,
    spent   TEXT NOT NULL,
    PRIMARY KEY (scope, period, begins)
) WITHOUT ROWID;

-- The same for each session. The rows of an account add up to its own; a row outlives its session,
-- because what a dead worker did not report counts as spent. `turn` refuses what was given up as
-- lost and comes late.
CREATE TABLE mainstay_budget_leases (
    scope      TEXT NOT NULL,
    period     TEXT NOT NULL,
    begins     INTEGER NOT NULL,
    session_id BLOB NOT NULL,
    granted    TEXT NOT NULL,
    spent      TEXT NOT NULL,
    turn       INTEGER NOT NULL,
    PRIMARY KEY (scope, period, begins, session_id)
) WITHOUT ROWID;
