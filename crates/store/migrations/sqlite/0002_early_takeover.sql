-- Until then, by the store's clock, whoever drives the run launches nothing but reads: its last
-- owner was taken for dead while its lease still held.
ALTER TABLE mainstay_runs ADD COLUMN reads_only_until INTEGER;
