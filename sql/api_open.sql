/* orderbell:api_open */
-- Who may still commit a notification whose id is already made: every transaction that
-- holds, or waits for, the lock of those who write notifications. The lock on dedupe counts
-- too: enqueue() makes the id, and may then wait there for another order with the same key.
-- began is when a transaction began, at the earliest: null where this user may not see
-- that, and for a prepared one, of which only the end is known: then prepared_at.
-- at is before any of this was looked up. No row: this server is a standby, and shows none.
-- Called by the merchants' API before it reads a page, four times a second at the most.
-- Index: none; reads the locks that are held now. Locks: none.
select server.at, coalesce(l.virtualtransaction, '') as name, coalesce(l.pid, 0) as pid,
       a.xact_start as began, p.prepared as prepared_at
from (select statement_timestamp() as at where not pg_is_in_recovery()) server
left join (
  select distinct virtualtransaction, pid
  from pg_locks
  where locktype = 'relation' and mode = 'RowExclusiveLock'
    and database = (select oid from pg_database where datname = current_database())
    and relation in ('orderbell.notification'::regclass, 'orderbell.dedupe'::regclass)
) l on true
left join pg_stat_activity a on a.pid = l.pid
left join pg_prepared_xacts p on l.pid is null and l.virtualtransaction = '-1/' || p.transaction::text
