/* orderbell:owed */
-- Takes rows whose hook is to be called again, the longest due ones first, and puts off their
-- next call: nobody else makes this one, and if its worker dies it is made then.
-- Called by the worker when a look says that there are any.
-- Index: delivery_owes. Locks: the rows; passes over those that somebody holds.
with due as materialized (
  select d.ctid as place
  from orderbell.delivery d
  where d.owes and d.next_attempt_at <= now()
  order by d.next_attempt_at
  limit @most::int
  for update skip locked
), taken as (
  update orderbell.delivery d
  set next_attempt_at = now() + @lease::interval
  where d.ctid = any (array(select place from due))
  returning d.notification_id, d.endpoint, d.policy
)
select t.notification_id as id, t.endpoint, coalesce(t.policy, e.policy, '') as policy,
       o.state::text as state, coalesce(o.reason, '') as reason, o.hook, coalesce(o.answer, '') as answer, o.tries,
       coalesce((select n.order_no from orderbell.notification n where n.id = t.notification_id), '') as order_no
from taken t
join orderbell.owed o on o.notification_id = t.notification_id
left join orderbell.endpoint e on e.id = t.endpoint
