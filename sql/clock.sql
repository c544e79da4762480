/* orderbell:clock */
-- The database's time, which requests are signed with and schedules go by.
-- Called by `orderbell endpoint probe` and `orderbell scan list`.
-- Index: none. Locks: none.
select clock_timestamp() as at
