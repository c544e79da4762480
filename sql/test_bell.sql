/* orderbell:test_bell */
-- What an order's trigger does with the bell, for a listener and a lock of the
-- worker's own: tries the lock that the worker holds, and notifies.
-- Called by the worker's bell when it has connected.
-- Index: none. Locks: an advisory one, if it can be had, until the statement ends.
select not pg_try_advisory_xact_lock_shared(1330791493, @key::integer) as lock_seen,
       pg_notify(@channel::text, '')::text as rung
