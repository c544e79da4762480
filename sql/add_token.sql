/* orderbell:add_token */
-- Adds a token of an endpoint, and says until when it is good.
-- Called by `orderbell endpoint token`.
-- Index: primary keys, and token_endpoint_hint_key. Locks: the endpoint's row, for its key.
select orderbell.add_token(@endpoint::text, @hash::bytea, @hint::text, @lasts::interval) as expires_at
