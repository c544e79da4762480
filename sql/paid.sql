/* orderbell:paid */
-- Ends a row whose hook has worked at last, and gives its turn to the next of its sequence.
-- Called by the worker in the transaction that has called the hook; the row is locked.
-- Index: primary keys. Locks: the row.
with ended as (
  delete from orderbell.delivery d where d.notification_id = @id::uuid
  returning d.*
), owed as (
  delete from orderbell.owed o where o.notification_id = @id
  returning o.*
), written as (
  insert into orderbell.finished (notification_id, round, state, reason, attempt_count, rung, released_at)
  select ended.notification_id, ended.round, owed.state, owed.reason, ended.attempt_count, ended.rung, ended.released_at
  from ended, owed
), blocked as (
  insert into orderbell.blocked (endpoint, sequence_key, seq, notification_id)
  select ended.endpoint, ended.sequence_key, ended.seq, ended.notification_id
  from ended, owed, orderbell.endpoint e
  where e.id = ended.endpoint and e.on_head_exhausted = 'block' and ended.seq is not null and owed.state in ('exhausted', 'rejected')
  on conflict do nothing
)
select case
  when ended.seq is not null and orderbell.promote(array[ended.endpoint], array[ended.sequence_key], array[ended.seq]) > 0 then orderbell.ring()
end::text as rung
from ended
