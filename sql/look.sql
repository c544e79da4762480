/* orderbell:look */
-- The look: which endpoints have a row that fell due since the last look. Reaches
-- back two seconds before it, because a row is seen only once its transaction
-- has committed. Blind to old backlogs, and to the dead index entries before them.
-- Also says whether commits ring, so that a change is known at once.
-- Called by the worker while it is awake and whenever it wakes.
-- Index: delivery_due. Locks: none.
select now() as at,
       array(select distinct endpoint from orderbell.delivery
             where next_attempt_at > @since::timestamptz - interval '2 s' and next_attempt_at <= now()
               and state = 'pending') as endpoints,
       @since - interval '2 s' as reached_to,
       (select min(next_attempt_at) from orderbell.delivery
        where next_attempt_at > now() and next_attempt_at < 'infinity') - now() as next_due,
       (select wake = 'poll' from orderbell.setting) as poll
