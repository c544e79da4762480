/* orderbell:make_partitions */
-- Makes the day partitions that are missing, 14 days ahead; returns how many.
-- Called by the janitor at its start and every hour.
-- Index: none. Locks: SHARE UPDATE EXCLUSIVE on the parents, for a moment, and only where one
-- is missing.
select orderbell.make_partitions(14)
