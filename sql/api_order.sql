/* orderbell:api_order */
-- Where the notifications of an order stand that belong to an endpoint: the newest 100, in
-- the order in which they were written, each with its newest 100 attempts. All are of one
-- snapshot.
-- Called by the merchants' API.
-- Index: notification_order_no, then primary keys. The order is looked up first, and by
-- itself: beside the endpoint, or the order of the ids, another index may look cheaper
-- and be read whole. Locks: none.
with of_order as materialized (
  select id, endpoint from orderbell.notification where order_no = @order_no
), wanted as materialized (
  select id from of_order where endpoint = @endpoint order by id desc limit 100
)
select s.id::text as id, s.endpoint, s.event, s.order_no, s.state, s.attempt_count, s.rung, s.round,
       case when s.next_attempt_at between '0001-01-01' and '9999-12-31' then s.next_attempt_at end as next_attempt_at,
       case when s.gives_up_at between '0001-01-01' and '9999-12-31' then s.gives_up_at end as gives_up_at,
       s.created_at, s.finished_at, s.released_at, s.last_outcome, s.last_http_status, s.last_error, s.explanation,
       coalesce(made.attempts, '[]') as attempts
from wanted
cross join lateral (
  select * from orderbell.notification_status s where s.id = wanted.id offset 0
) s
cross join lateral (
  select json_agg(json_build_object(
           'attempt', a.attempt, 'round', a.round, 'url', a.url, 'started_at', a.started_at,
           'duration_ms', a.duration_ms, 'outcome', a.outcome, 'http_status', a.http_status,
           'error', a.error, 'response_excerpt', a.response_excerpt) order by a.attempt) as attempts
  from (
    select * from orderbell.delivery_history h where h.notification_id = wanted.id order by h.attempt desc limit 100
  ) a
) made
order by s.id
