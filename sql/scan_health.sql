/* orderbell:scan_health */
-- How the last runs of all scans went, and what is running.
-- Called by `orderbell scan list`.
-- Index: scan_run_latest, a few looks for each scan. Locks: none.
select scan, last_started_at, coalesce(last_result, '') as last_result, last_rows, last_enqueued,
       coalesce(last_error, '') as last_error, gaps, running_since, coalesce(running_on, '') as running_on
from orderbell.scan_health
