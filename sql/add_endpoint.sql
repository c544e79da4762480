/* orderbell:add_endpoint */
-- Adds an endpoint, or changes the URL and policy of one that is there.
-- Called by `orderbell endpoint add`.
-- Index: primary key. Locks: the row.
insert into orderbell.endpoint (id, url, policy)
values (@id, @url, @policy)
on conflict (id) do update set url = excluded.url, policy = excluded.policy
returning xmax = 0 as added
