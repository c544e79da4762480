/* orderbell:scan_begin */
-- Makes sure that a scan does not run twice at once, until the transaction ends: the lock
-- of its name is had by one. The lock of the row shows that the run's worker is alive.
-- No row: it was taken for dead.
-- Called at the beginning of a run's transaction.
-- Index: primary key. Locks: the row; the advisory lock of the name, without waiting.
select pg_try_advisory_xact_lock(1330795331, hashtext(scan)) as free
from orderbell.scan_run
where id = @id and finished_at is null
for update
