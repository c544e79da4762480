/* orderbell:queue */
-- Moves on rows that are due and wait for their turn for longer: their head waits on a rung,
-- is held, or has blocked its sequence. Claims would walk over them. Until the head is due,
-- 2 s to a minute. Whoever ends a head makes the next one due, but passes over a row that
-- somebody just holds: so none is put away for ever, nor while its head may end at any
-- moment.
-- Called by the worker after a full look that has seen such rows.
-- Index: delivery_queue, then delivery_sequence. Locks: the rows, in the order of their
-- ids; passes over those that somebody holds.
with waiting as materialized (
  select d.notification_id, least(greatest(coalesce(head.next_attempt_at, 'infinity'), now() + interval '2 s'), now() + interval '1 minute') as until
  from orderbell.delivery d
  left join lateral (
    select h.next_attempt_at, h.state from orderbell.delivery h
    where h.endpoint = d.endpoint and h.sequence_key = d.sequence_key and h.seq < d.seq
    order by h.seq limit 1
  ) head on true
  where d.sequence_key is not null and d.next_attempt_at <= now() - interval '1 s' and d.state = 'pending' and not d.owes
    and (head.state <> 'in_flight' and head.next_attempt_at > now() + interval '1 s'
         or exists (select from orderbell.blocked b
                    join orderbell.endpoint e on e.id = b.endpoint and e.on_head_exhausted = 'block'
                    where b.endpoint = d.endpoint and b.sequence_key = d.sequence_key and b.seq < d.seq))
  order by d.next_attempt_at
  limit 5000
), held as materialized (
  select d.notification_id, d.ctid as place
  from orderbell.delivery d
  where d.notification_id = any (array(select notification_id from waiting))
    and d.next_attempt_at <= now() - interval '1 s' and d.state = 'pending'
  order by d.notification_id
  for update skip locked
)
-- One that was given its turn since the statement began is at a place that it does not see.
update orderbell.delivery d
set next_attempt_at = waiting.until
from waiting
where d.ctid = any (array(select place from held)) and waiting.notification_id = d.notification_id
returning 1 as moved
