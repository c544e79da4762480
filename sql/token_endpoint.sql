/* orderbell:token_endpoint */
-- The endpoint that a token is good for, by the token's hash; null where it is none.
-- Called for each request to the merchants' API.
-- Index: primary key of token. Locks: none.
select orderbell.token_endpoint(@hash::bytea) as endpoint
