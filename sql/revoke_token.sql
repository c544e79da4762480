/* orderbell:revoke_token */
-- Takes a token of an endpoint back, named by its last characters.
-- Called by `orderbell endpoint token --revoke`.
-- Index: token_endpoint_hint_key. Locks: the row.
select orderbell.revoke_token(@endpoint::text, @hint::text) as done
