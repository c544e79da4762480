/* orderbell:lapsed */
-- Rows whose lease has ended: their worker died, or lost the database. Whoever
-- finds them settles their attempt as unknown.
-- Called by the worker when a full look says that there are any.
-- Index: delivery_due. Locks: none; the settle is fenced.
select notification_id as id, attempt_count as attempt, round, rung, unknowns, greatest(next_attempt_at, 'epoch') as due, endpoint,
       coalesce(policy, '') as policy, claimed_by as holder,
       case when isfinite(leased_until) then now() - leased_until else interval '0' end as ago
from orderbell.delivery
where next_attempt_at <= now() and state = 'in_flight' and leased_until <= now()
limit 5000
