/* orderbell:api_page */
-- Which notifications of an endpoint come next after an id, and how long their bodies are.
-- Those from @before on are held back: what commits later may still come before them.
-- Called by the merchants' API for each page.
-- Index: notification_endpoint of the days from @after to @before. The rows as the index
-- has them are compared, so that no other index has their order, whatever the planner
-- believes of an endpoint. Locks: none.
select id, octet_length(body) as bytes
from orderbell.notification
where (left(endpoint, 200) collate "C", id) > (left(@endpoint::text, 200), @after::uuid)
  and (left(endpoint, 200) collate "C", id) < (left(@endpoint, 200), @before::uuid)
  and id > @after and id < @before and endpoint = @endpoint
order by left(endpoint, 200) collate "C", id
limit @most::int
