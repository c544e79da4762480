/* orderbell:queue */
-- Moves on rows that are due and wait for their turn: while the one before them in their
-- sequence is unfinished, claims would walk over them. By half of their age, 2 s to a
-- minute: whoever ends the head makes the next one due, but passes over a row that
-- somebody just holds; so none may be put away for ever.
-- Called by the worker after a full look that has seen such rows.
-- Index: delivery_queue, then delivery_sequence. Locks: the rows, in the order of their
-- ids; passes over those that somebody holds.
with waiting as materialized (
  select d.notification_id
  from orderbell.delivery d
  where d.sequence_key is not null and d.next_attempt_at <= now() - interval '1 s' and d.state = 'pending' and not d.owes
    and (exists (select from orderbell.delivery head
                 where head.endpoint = d.endpoint and head.sequence_key = d.sequence_key and head.seq < d.seq)
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
-- One that was promoted since the statement began is at a place that it does not see.
update orderbell.delivery d
set next_attempt_at = now() + least(greatest((now() - orderbell.uuid7_time(d.notification_id)) / 2, interval '2 s'), interval '1 minute')
where d.ctid = any (array(select place from held))
returning 1 as moved
