/* orderbell:notifications */
-- What to send, for rows that have just been claimed.
-- Called right after the claim; bodies are fetched for claimed rows only, so that
-- memory is bounded by the slots.
-- Index: primary key of one partition per day; "= any" and a custom plan keep
-- the other partitions out of it, and unlocked. Locks: none.
select id, event, order_no, coalesce(url, '') as url, coalesce(content_type, '') as content_type, body,
       nullif(headers, '{}') as headers
from orderbell.notification
where id = any (@ids::uuid[])
