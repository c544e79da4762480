/* orderbell:owe_again */
-- Notes that a hook has failed once more, and when to try it again.
-- Called by the worker in the transaction in which it has failed; the row is locked.
-- Index: primary keys. Locks: the row.
with noted as (
  update orderbell.owed o set tries = o.tries + 1, fault = @fault::text where o.notification_id = @id::uuid
)
update orderbell.delivery d
set next_attempt_at = now() + @wait::interval
where d.notification_id = @id
returning orderbell.ring()::text as rung
