/* orderbell:clock */
-- The database's time, which requests are signed with.
-- Called by `orderbell endpoint probe`.
-- Index: none. Locks: none.
select clock_timestamp() as at
