-- What all runs of a scope may use up together in a period. `granted` is what was given out to the
-- sessions of workers, dead ones included, and `spent` what of that is known to be spent: an object
-- with an amount for each dimension.
CREATE TABLE mainstay.budget_accounts (
    scope   text   NOT NULL,
    period  text   NOT NULL,
    begins  bigint NOT NULL,
    ends    bigint NOT NULL,
    granted text   NOT NULL,
    spent   text   NOT NULL,
    PRIMARY KEY (scope, period, begins)
) WITH (fillfactor = 50);

-- The same for each session. The rows of an account add up to its own; a row outlives its session,
-- because what a dead worker did not report counts as spent. `turn` refuses what was given up as
-- lost and comes late.
CREATE TABLE mainstay.budget_leases (
    scope      text   NOT NULL,
    period     text   NOT NULL,
    begins     bigint NOT NULL,
    session_id uuid   NOT NULL,
    granted    text   NOT NULL,
    spent      text   NOT NULL,
    turn       bigint NOT NULL,
    PRIMARY KEY (scope, period, begins, session_id)
) WITH (fillfactor = 50);
