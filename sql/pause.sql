/* orderbell:pause */
-- Pauses an endpoint.
-- Called by `orderbell endpoint pause`.
-- Index: primary key. Locks: the endpoint's row.
select orderbell.pause(@endpoint, nullif(@reason, ''))::text as done
