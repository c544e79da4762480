/* orderbell:endpoints */
-- The endpoints that have something due.
-- Called by the worker's directory, at most once a second for each endpoint.
-- Index: primary key. Locks: none.
select id, url, policy, nullif(headers, '{}') as headers
from orderbell.endpoint
where id = any (@ids::text[])
