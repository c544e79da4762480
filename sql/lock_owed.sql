/* orderbell:lock_owed */
-- Locks a row that owes its hook, if nobody has called it since.
-- Called by the worker in the transaction that has called the hook, after it: see peek.
-- Index: primary keys. Locks: the row; passes over one that somebody holds.
select d.notification_id as id
from orderbell.delivery d
join orderbell.owed o on o.notification_id = d.notification_id
where d.notification_id = @id::uuid and d.owes and o.tries = @tries::int
for update of d skip locked
