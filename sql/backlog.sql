/* orderbell:backlog */
-- What is unfinished. failing_hooks are those of owing_hooks whose hook has failed.
-- Called by `orderbell status`, `orderbell adopt` and the live view of `orderbell demo`.
-- Index: none: delivery and owed hold unfinished rows alone. Locks: none.
select due_now, oldest_overdue_seconds, in_flight, waiting, held, parked, paused, behind_breaker, queued, owing_hooks,
       (select count(*) from orderbell.owed where tries > 0) as failing_hooks
from orderbell.backlog
