/* orderbell:lapsed */
-- Rows whose lease has ended: their worker died, or lost the database. Whoever
-- finds them settles their attempt as unknown.
-- Called by the worker when a full look says that there are any.
-- Index: delivery_due. Locks: none; the settle is fenced.
select notification_id as id, attempt_count as attempt, round, rung, unknowns, next_attempt_at as due, endpoint,
       coalesce(policy, '') as policy, claimed_by as holder, now() - leased_until as ago
from orderbell.delivery
where next_attempt_at <= now() and state = 'in_flight' and leased_until <= now()
limit 500
