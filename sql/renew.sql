/* orderbell:renew */
-- Lengthens the leases of rows still in flight. The attempt's number is the
-- fence: a row that somebody else has claimed since is not touched.
-- Called by the worker every 2.5 s.
-- Index: primary key; a heap-only update. Locks: the rows, in the order of their
-- ids; passes over rows that an open cancel or a settle holds.
with mine as materialized (
  select * from unnest(@ids::uuid[], @attempts::int[]) as mine (id, attempt) order by id
), held as materialized (
  select own.notification_id
  from mine
  cross join lateral (
    select d.notification_id
    from orderbell.delivery d
    where d.notification_id = mine.id and d.attempt_count = mine.attempt
      and d.state = 'in_flight' and d.claimed_by = @holder
    for update skip locked
  ) own
)
update orderbell.delivery d
set leased_until = now() + @lease::interval
where d.notification_id = any (array(select notification_id from held))
returning d.notification_id
