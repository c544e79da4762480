/* orderbell:scan_prune */
-- Deletes the runs of scans that are older than 90 days; returns how many.
-- Called by the janitor at its start and every hour.
-- Index: scan_run_started. Locks: the rows.
select orderbell.prune_scan_runs()
