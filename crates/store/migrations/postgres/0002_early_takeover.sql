-- Until then, by the store's clock, whoever drives the run launches nothing but reads: its last
-- owner was taken for dead while its lease still held.
ALTER TABLE mainstay.runs ADD COLUMN reads_only_until bigint;

-- The server process that holds the session's lock. NULL where beats come through different ones,
-- as behind a transaction pooler: there a free lock says nothing about the worker.
ALTER TABLE mainstay.workers ADD COLUMN lock_pid integer;
