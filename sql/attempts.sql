/* orderbell:attempts */
-- The attempts of notifications.
-- Called by `orderbell history`.
-- Index: primary keys. Locks: none.
select notification_id, attempt, started_at, duration_ms::double precision as duration_ms, outcome,
       coalesce(http_status, 0) as http_status, coalesce(error, '') as error, worker, coalesce(url, '') as url
from orderbell.delivery_history
where notification_id = any (@ids::uuid[])
order by notification_id, attempt
