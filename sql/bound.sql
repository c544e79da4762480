/* orderbell:bound */
-- Bounds what a function of the business may take, in the transaction that calls it.
-- Called by the worker before an action or a hook.
-- Index: none. Locks: none.
select set_config('statement_timeout', @within::text, true) || set_config('lock_timeout', @within::text, true) as bound
