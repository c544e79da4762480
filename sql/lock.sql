/* orderbell:lock */
-- Locks one row that is to owe its hook, if it is still this very attempt's.
-- Called by the worker in the transaction in which the hook has failed.
-- Index: primary key. Locks: the row; passes over one that somebody holds.
select d.notification_id as id
from orderbell.delivery d
where d.notification_id = @id::uuid and d.round = @round::int and not d.owes
  and ((@acknowledged::bool and @attempt::int <= d.attempt_count) or (d.state = 'in_flight' and d.attempt_count = @attempt))
for update of d skip locked
