/* orderbell:history */
-- An order's notifications, in the order in which they were written.
-- Called by `orderbell history`.
-- Index: notification_order_no, then primary keys. Locks: none.
select id, endpoint, event, state, attempt_count, created_at, explanation
from orderbell.notification_status
where order_no = @order_no
order by id
