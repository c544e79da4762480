/* orderbell:endpoints */
-- The endpoints that have something due: where and how they are told, their valid
-- secrets, the newest first, their limits,
-- which function an action calls, and what is wrong with it,
-- whether they are paused, and whether their breaker is open. probe_in is how long until
-- a probe may be sent: not before the one under way is given up.
-- Called by the worker's directory, at most once a second for each endpoint, and when
-- one was changed.
-- Index: primary keys; lateral, because breaker was read whole where statistics said that
-- it is empty. Locks: none.
select e.id, e.url, e.policy, nullif(e.headers, '{}') as headers,
       coalesce(e.max_in_flight, 0) as max_in_flight, coalesce(e.rate_per_second, 0)::double precision as rate,
       e.paused_at is not null as paused, b.endpoint is not null as open,
       coalesce(e.signature, '') as signature, coalesce(e.fault, '') as fault,
       coalesce(orderbell.action(e.url), '') as action,
       case when e.url like 'sql:%' then coalesce(orderbell.action_fault(e.url), '') else '' end as action_fault,
       coalesce(e.answer_key, '') as answer_key, coalesce(e.batch_size, 0) as batch_size, e.batch_wait,
       secrets.versions, secrets.key_ids, secrets.sealed,
       coalesce(greatest(b.probe_at - now(), b.probing_until - now(), interval '0'), interval '0') as probe_in
from orderbell.endpoint e
left join lateral (
  select b.endpoint, b.probe_at, b.probing_until from orderbell.breaker b where b.endpoint = e.id limit 1
) b on true
left join lateral (
  select array_agg(s.version order by s.version desc) as versions, array_agg(s.key_id order by s.version desc) as key_ids,
         array_agg(s.sealed order by s.version desc) as sealed
  from orderbell.secret s
  where s.endpoint = e.id and (s.retires_at is null or s.retires_at > now())
) secrets on true
where e.id = any (@ids::text[])
