/* orderbell:list_endpoints */
-- Every endpoint, how it is told, and what keeps it from being told. An action signs nothing.
-- Called by `orderbell endpoint list`.
-- Index: primary keys, for the order. Locks: none.
select e.id, e.url, e.policy, e.max_in_flight, e.rate_per_second::double precision as rate_per_second,
       e.batch_size, extract(epoch from e.batch_wait)::double precision as batch_wait_seconds, e.on_head_exhausted,
       e.answer_key is not null as has_answer_key, e.url like 'sql:%' as action,
       case when e.url like 'sql:%' then 'none' else coalesce(e.signature, p.signature) end as signature,
       coalesce(e.fault, p.fault, '') as parked,
       (select count(*) from orderbell.secret s where s.endpoint = e.id and (s.retires_at is null or s.retires_at > now())) as secrets,
       e.paused_at, coalesce(e.pause_reason, '') as pause_reason,
       case when b.endpoint is null then 'closed' when b.probing_until > clock_timestamp() then 'half_open' else 'open' end as breaker,
       b.opened_at, coalesce(b.reason, '') as opened_because, b.probe_at
from orderbell.endpoint e
join orderbell.policy p on p.name = e.policy
left join orderbell.breaker b on b.endpoint = e.id
order by e.id
