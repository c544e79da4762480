/* orderbell:set_fault */
-- Says why the rows of a policy are parked; empty: they no longer are. Written
-- only by a worker that has just read these rules: if they have been changed
-- meanwhile, another look is due first.
-- Called by the worker's directory when a rule does not compile, or does again.
-- Index: primary key. Locks: the policy's row.
update orderbell.policy
set fault = nullif(@fault, '')
where name = @name and acknowledge = @acknowledge and coalesce(reject, '') = @reject
  and fault is distinct from nullif(@fault, '')
