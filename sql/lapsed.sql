/* orderbell:lapsed */
-- Rows whose lease has ended: their worker died, or lost the database. No worker takes a
-- lease of over a minute: such a row was changed by hand, and nobody works on it. Whoever
-- finds them settles their attempt as unknown.
-- Called by the worker when a full look says that there are any.
-- Index: delivery_due. Locks: none; the settle is fenced.
select notification_id as id, attempt_count as attempt, round, rung, unknowns, greatest(next_attempt_at, 'epoch') as due, endpoint,
       coalesce(policy, '') as policy, alone, claimed_by as holder,
       case when isfinite(leased_until) then greatest(now() - leased_until, interval '0') else interval '0' end as ago
from orderbell.delivery
where next_attempt_at <= now() and state = 'in_flight' and (leased_until <= now() or leased_until > now() + interval '1 minute')
limit 5000
