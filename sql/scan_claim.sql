/* orderbell:scan_claim */
-- Takes a tick of a scan: the row is returned to one worker, and to no other. Without a
-- tick it is a run by hand, which everybody gets.
-- Called by the janitor at each tick, and by `orderbell scan run`.
-- Index: scan_run_tick, for the conflict. Locks: none; another's insert of the same tick is
-- waited for.
insert into orderbell.scan_run (scan, kind, tick, dry_run, worker)
values (@scan, @kind, @tick::timestamptz, @dry_run,
        case when @tick::timestamptz is null then 'by hand, ' || session_user else @worker end)
on conflict (scan, tick) do nothing
returning id
