/* orderbell:reserve */
-- Takes this worker's share of what endpoints with limits allow, over all workers: slots
-- for requests in flight, leased, and times at which requests may begin.
-- Called by the worker before it claims for such endpoints, and to renew its slots.
-- Index: primary keys. Locks: the endpoints' rows of orderbell.pace, in the order of
-- their names, until it commits.
select endpoint, slots, sends, first, every
from orderbell.reserve(@endpoints::text[], @slots::int[], @sends::int[], @holder::text, @lease::interval)
