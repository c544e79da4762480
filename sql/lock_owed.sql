/* orderbell:lock_owed */
-- Locks a row whose hook is due, and says what is to be called with what.
-- Called by the worker in the transaction that calls the hook: in a savepoint that is taken
-- back at once before it is called, and again after it.
-- Index: primary keys. Locks: the row; passes over one that somebody holds.
select o.state::text as state, coalesce(o.reason, '') as reason, o.hook, o.answer, o.tries, coalesce(n.order_no, '') as order_no
from orderbell.delivery d
join orderbell.owed o on o.notification_id = d.notification_id
left join lateral (select n.order_no from orderbell.notification n where n.id = @id::uuid) n on true
where d.notification_id = @id and d.owes and d.next_attempt_at <= now()
for update of d skip locked
