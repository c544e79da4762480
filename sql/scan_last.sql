/* orderbell:scan_last */
-- The last tick of a scan that any worker took, and what time it is: the schedules go by
-- the clock of the database, which all workers share.
-- Called by the janitor when a tick may be due, and at least once a minute for each scan.
-- Index: scan_run_tick, its last entry for the scan. Locks: none.
select (select max(tick) from orderbell.scan_run where scan = @scan) as last, clock_timestamp() as now
