/* orderbell:list_endpoints */
-- Called by `orderbell endpoint list`.
-- Index: primary keys, for the order. Locks: none.
select e.id, e.url, e.policy, e.max_in_flight, e.rate_per_second::double precision as rate_per_second,
       coalesce(e.signature, p.signature) as signature, coalesce(e.fault, p.fault, '') as parked,
       (select count(*) from orderbell.secret s where s.endpoint = e.id and (s.retires_at is null or s.retires_at > now())) as secrets,
       e.paused_at, coalesce(e.pause_reason, '') as pause_reason,
       case when b.endpoint is null then 'closed' when b.probing_until > clock_timestamp() then 'half_open' else 'open' end as breaker,
       b.opened_at, coalesce(b.reason, '') as opened_because, b.probe_at
from orderbell.endpoint e
join orderbell.policy p on p.name = e.policy
left join orderbell.breaker b on b.endpoint = e.id
order by e.id
