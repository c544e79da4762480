/* orderbell:destroy_secrets */
-- Destroys the secrets that have retired; returns how many.
-- Called by the janitor at its start and every hour.
-- Index: none, a few rows for each endpoint that signs. Locks: the rows.
select orderbell.destroy_secrets()
