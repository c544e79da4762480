/* orderbell:unsettled */
-- Which of these attempts the settle would still move: it passed over them because
-- somebody held the row. The others were settled before, or lost their lease.
-- Called after a settle that left some out; a statement of its own, because the
-- settle's snapshot is older than the lock that it met.
-- Index: primary key. Locks: none.
select mine.id as notification_id
from unnest(@ids::uuid[], @attempts::int[], @rounds::int[], @acknowledged::bool[]) as mine (id, attempt, round, acknowledged)
cross join lateral (
  select from orderbell.delivery d
  where d.notification_id = mine.id and d.round = mine.round and not d.owes
    and ((d.state = 'in_flight' and d.attempt_count = mine.attempt)
         or (mine.acknowledged and mine.attempt <= d.attempt_count))
  limit 1
) there
