-- Did the merchant get this order's notification? One line for each, in words.
-- Replace the order number. Index: notification_order_no.
select endpoint, event, state, explanation
from orderbell.notification_status
where order_no = '2026112000017'
order by id;
