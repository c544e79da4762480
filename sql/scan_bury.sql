/* orderbell:scan_bury */
-- Ends the runs of workers that are gone: a run's own transaction keeps its row locked, a
-- moment after it was taken. Returns them.
-- Called by the janitor every ten seconds where there are scans.
-- Index: scan_run_unfinished. Locks: the rows; those that are locked are passed over.
update orderbell.scan_run
set finished_at = clock_timestamp(), result = 'failed', error = 'its worker died, or lost the database, before it was finished'
where id in (
  select id from orderbell.scan_run
  where finished_at is null and started_at < clock_timestamp() - interval '10 s'
  for update skip locked)
returning scan, worker, started_at
