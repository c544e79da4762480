/* orderbell:add_secret */
-- Adds the next version of an endpoint's secret; the older ones go on for the overlap.
-- Called by `orderbell endpoint rotate-secret`.
-- Index: primary keys. Locks: the endpoint's row.
select orderbell.add_secret(@endpoint::text, @version::int, @key_id::text, @sealed::bytea, @overlap::interval)::text as done
