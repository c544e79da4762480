/* orderbell:reclaim */
-- What a claim has taken of which no answer came: the connection was lost while it
-- committed, or before. The token of the process in claimed_by says whose it is.
-- Called by the worker before its next claim, for the lanes of that one; it knows
-- itself which of the rows it holds anyway.
-- Index: delivery_lane. Locks: none; nobody else takes these rows before their lease
-- has ended, and then the settle is fenced.
select own.*
from unnest(@endpoints::text[], @froms::timestamptz[]) as lane (endpoint, due_from)
cross join lateral (
  select d.notification_id as id, d.attempt_count as attempt, d.round, d.rung, d.unknowns, greatest(d.next_attempt_at, 'epoch') as due,
         d.endpoint, coalesce(d.policy, '') as policy, d.alone
  from orderbell.delivery d
  where (d.endpoint, d.next_attempt_at) >= (lane.endpoint, lane.due_from)
    and (d.endpoint, d.next_attempt_at) <= (lane.endpoint, now())
    and d.state = 'in_flight' and d.claimed_by = @holder
  order by d.endpoint, d.next_attempt_at
  limit 1000
) own
