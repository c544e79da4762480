/* orderbell:backlog */
-- Called by `orderbell status` and the live view of `orderbell demo`.
-- Index: none: delivery holds unfinished rows alone. Locks: none.
select due_now, oldest_overdue_seconds, in_flight, waiting, held, parked, paused, behind_breaker from orderbell.backlog
