/* orderbell:unsettled */
-- Which of these attempts are still in flight: what a settle passed over because
-- somebody held the row. The others were settled before, or lost their lease.
-- Called after a settle that left some out; a statement of its own, because the
-- settle's snapshot is older than the lock that it met.
-- Index: primary key. Locks: none.
select d.notification_id
from unnest(@ids::uuid[], @attempts::int[]) as mine (id, attempt)
join orderbell.delivery d on d.notification_id = mine.id and d.attempt_count = mine.attempt
where d.state = 'in_flight'
