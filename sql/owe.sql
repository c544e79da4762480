/* orderbell:owe */
-- Records an attempt that has brought its row to an end, and keeps the row, since its
-- hook has failed: the hook is tried again, and nothing is sent.
-- Called by the worker in the transaction in which the hook has failed; the row is locked.
-- Index: primary keys. Locks: the row.
with recorded as (
  insert into orderbell.attempt (notification_id, attempt, round, started_at, duration_us, outcome, http_status,
                                 endpoint, url, error, response_excerpt, worker)
  values (@id::uuid, @attempt::int, @round::int, now() - @began_ago::interval, @duration::bigint, @outcome::text::orderbell.outcome,
          @status::smallint, @endpoint::text, @url::text, @error::text, @excerpt::text, @worker::text)
  on conflict (notification_id, attempt) do nothing
), owed as (
  insert into orderbell.owed (notification_id, state, reason, hook, answer, tries, fault)
  values (@id, @state::text::orderbell.state, @reason::text, @hook::text, @answer::text, 1, @fault::text)
)
update orderbell.delivery d
set state = 'pending', leased_until = null, claimed_by = null, ends_as = null, owes = true,
    rung = @rung::smallint, unknowns = 0, next_attempt_at = now() + @wait::interval
where d.notification_id = @id
returning orderbell.ring()::text as rung
