/* orderbell:resume */
-- Lets an endpoint go on, and closes its breaker.
-- Called by `orderbell endpoint resume`.
-- Index: primary key. Locks: the endpoint's row, and its breaker's.
select orderbell.resume(@endpoint)::text as done
