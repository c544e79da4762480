/* orderbell:lock */
-- Locks one row that is to be settled alone, if it is still this very attempt's to
-- settle, and says which hooks it has. The fence is the same as in settle.
-- elsewhere: a later attempt is in flight, so that the row does not end yet.
-- Called by the worker in the transaction that calls an action or a hook: in a savepoint
-- that is taken back at once before it is called, and again after it.
-- Index: primary keys. Locks: the row; passes over one that somebody holds.
select d.attempt_count <> @attempt::int and d.state = 'in_flight' as elsewhere, coalesce(d.ends_as::text, '') as ends_as,
       coalesce(n.order_no, '') as order_no, coalesce(n.on_acknowledged, '') as on_acknowledged, coalesce(n.on_exhausted, '') as on_exhausted
from orderbell.delivery d
left join lateral (
  select n.order_no, n.on_acknowledged, n.on_exhausted from orderbell.notification n where n.id = @id::uuid
) n on true
where d.notification_id = @id and d.round = @round::int and not d.owes
  and ((@acknowledged::bool and @attempt <= d.attempt_count)
       or (d.state = 'in_flight' and d.attempt_count = @attempt
           and (not @unknown::bool or d.claimed_by = @holder or d.leased_until <= now() or d.leased_until > now() + interval '1 minute')))
for update of d skip locked
