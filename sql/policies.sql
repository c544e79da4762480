/* orderbell:policies */
-- Every policy. Intervals come as microseconds, since a Go duration knows no months.
-- Called by the worker's directory, at most once a second.
-- Index: none, a few rows. Locks: none.
select name,
       array(select (extract(epoch from wait) * 1000000)::bigint from unnest(ladder) with ordinality as l (wait, n) order by n) as ladder_us,
       acknowledge, coalesce(reject, '') as reject, method, format, signature,
       (extract(epoch from timeout) * 1000000)::bigint as timeout_us,
       (extract(epoch from retry_after_cap) * 1000000)::bigint as retry_after_cap_us,
       coalesce(fault, '') as fault
from orderbell.policy
