/* orderbell:secrets */
-- Sealed secrets: those of an endpoint, or all of them, the newest of each first.
-- Called by `orderbell endpoint rotate-secret` and `reseal-secrets`.
-- Index: primary key. Locks: none.
select endpoint, version, key_id, sealed, created_at, retires_at
from orderbell.secret
where @endpoint::text is null or endpoint = @endpoint
order by endpoint, version desc
