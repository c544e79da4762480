/* orderbell:call_owed */
-- Takes the right to call the hook of a row that owes it, until the transaction ends. The
-- row itself is not locked meanwhile: an order that cancels it may be what the hook waits
-- for.
-- Called by the worker in the transaction that calls the hook.
-- Index: none. Locks: an advisory lock; passes over one that somebody has.
select pg_try_advisory_xact_lock(1330791496, hashtext(@id::uuid::text)) as mine
