/* orderbell:list_endpoints */
-- Called by `orderbell endpoint list`.
-- Index: primary key, for the order. Locks: none.
select id, url, policy from orderbell.endpoint order by id
