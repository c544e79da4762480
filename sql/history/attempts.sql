-- Everything that was tried for one order, in order.
-- Replace the order number. Index: notification_order_no.
select endpoint, event, attempt, started_at, duration_ms, outcome, http_status, error, url, worker
from orderbell.delivery_history
where order_no = '2026112000017'
order by notification_id, attempt;
