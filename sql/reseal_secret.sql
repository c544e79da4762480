/* orderbell:reseal_secret */
-- Puts a secret that was sealed anew in the place of what was sealed under another key.
-- Called by `orderbell endpoint reseal-secrets`.
-- Index: primary keys. Locks: the secret's row and the endpoint's.
select orderbell.reseal_secret(@endpoint::text, @version::int, @was::text, @key_id::text, @sealed::bytea) as done
