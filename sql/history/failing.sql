-- Which endpoints failed in the last hour, by cause, the most frequent first.
-- Reads the notifications of the last two days, whose ladders reach into now.
select endpoint, outcome, error, count(*) as attempts, max(started_at) as last
from orderbell.delivery_history
where notification_id >= orderbell.uuid7_floor(now() - interval '2 days')
  and started_at > now() - interval '1 hour'
  and outcome <> 'acknowledged'
group by endpoint, outcome, error
order by attempts desc
limit 50;
