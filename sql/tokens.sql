/* orderbell:tokens */
-- An endpoint's tokens, the oldest first, those that have expired too.
-- Called by `orderbell endpoint token --list`.
-- Index: token_endpoint_hint_key. Locks: none.
select hint, created_at, created_by, expires_at, coalesce(expires_at <= clock_timestamp(), false) as expired
from orderbell.token
where endpoint = @endpoint
order by created_at
