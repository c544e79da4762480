/* orderbell:claim */
-- Claims a few due rows of each lane, the earliest from the lane's place on, and
-- begins an attempt of each. sendable says whether the endpoint's own policy works; a row that names another is
-- claimed if that one is among the policies that do, and is not one that signs where the
-- lane is unsigned: its endpoint has no secret. A lane is of suspect rows, whose
-- last attempts are unknown, or of the others. Of a sequence only the head is claimed: the
-- one before which no other is unfinished. ahead is how far before its time a row that
-- waits for others to share its request may be taken.
-- Called by the worker, for its free slots and those that will be free in 10 ms.
-- Commits before any request is made: no lock outlives the statement.
-- Index: delivery_sequence for what has a key; delivery_lane, which the row comparison asks for where statistics say
-- that any index would do. Updated is what is at the places of the rows just
-- locked; one that was replaced a moment before, so that its place is new to this
-- statement, is left to the next claim. What it sets is in no index, so that it is
-- a heap-only update. A due time that somebody has set to -infinity is read as the
-- epoch: no program has a word for it. Locks: the rows it claims; passes over others'.
with lane as materialized (
  select endpoint, case when due_from < 'epoch' then '-infinity' else due_from end as due_from, take, sendable, suspects, unsigned, now() + ahead as due_to
  from unnest(@endpoints::text[], @froms::timestamptz[], @takes::int[], @sendable::bool[], @suspects::bool[], @unsigned::bool[], @aheads::interval[])
    as lane (endpoint, due_from, take, sendable, suspects, unsigned, ahead)
), due as materialized (
  select own.place
  from lane
  cross join lateral (
    select d.ctid as place
    from orderbell.delivery d
    where (d.endpoint, d.next_attempt_at) >= (lane.endpoint, lane.due_from)
      and (d.endpoint, d.next_attempt_at) <= (lane.endpoint, lane.due_to) and d.state = 'pending' and not d.owes
      and (d.next_attempt_at <= now() or d.attempt_count = 0 and d.not_before is null)
      and (d.unknowns >= @free::int) = lane.suspects
      and case when d.policy is null then lane.sendable
               else d.policy = any (@policies::text[]) and not (lane.unsigned and d.policy = any (@signing::text[])) end
      and (d.seq is null or not exists (
             select from orderbell.delivery head
             where head.endpoint = d.endpoint and head.sequence_key = d.sequence_key and head.seq < d.seq)
           and not exists (
             select from orderbell.blocked b
             join orderbell.endpoint e on e.id = b.endpoint and e.on_head_exhausted = 'block'
             where b.endpoint = d.endpoint and b.sequence_key = d.sequence_key and b.seq < d.seq))
    order by d.endpoint, d.next_attempt_at
    limit lane.take
    for update skip locked
  ) own
)
update orderbell.delivery d
set state = 'in_flight', leased_until = now() + @lease::interval, claimed_by = @holder,
    -- Somebody may have written the greatest number that there is, or a negative one.
    attempt_count = greatest(least(d.attempt_count, 2147483646), 0) + 1
where d.ctid = any (array(select place from due))
returning d.notification_id as id, d.attempt_count as attempt, d.round, d.rung, d.unknowns,
          greatest(d.next_attempt_at, 'epoch') as due,
          d.endpoint, coalesce(d.policy, '') as policy, d.alone
