/* orderbell:notifications */
-- What to send, for rows that have just been claimed. least and greatest are the
-- first and the last of the ids.
-- Called once a claimed row has a slot, so that the slots bound what is in memory.
-- Index: primary key of the days from least to greatest; where these are many, a
-- plan made for these very ids leaves out the days between them. Locks: none.
select id, event, order_no, coalesce(url, '') as url, coalesce(content_type, '') as content_type, body,
       nullif(headers, '{}')::text as headers
from orderbell.notification
where id = any (@ids::uuid[]) and id >= @least and id <= @greatest
