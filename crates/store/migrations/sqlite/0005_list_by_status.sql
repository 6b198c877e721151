-- The list of runs of one status, newest first, without reading the others.
CREATE INDEX mainstay_run_index_status ON mainstay_run_index (status, run_id);
