/* orderbell:add_endpoint */
-- Adds an endpoint, or changes the URL and policy of one that is there. A limit or signature
-- that is null stays as it is; 0 and an empty text take it away.
-- Called by `orderbell endpoint add`.
-- Index: primary key. Locks: the row.
insert into orderbell.endpoint as e (id, url, policy, max_in_flight, rate_per_second, signature)
values (@id, @url, @policy, nullif(@max_in_flight::int, 0), nullif(@rate::numeric, 0), nullif(@signature::text, ''))
on conflict (id) do update
set url = excluded.url, policy = excluded.policy,
    max_in_flight = case when @max_in_flight is null then e.max_in_flight else excluded.max_in_flight end,
    rate_per_second = case when @rate is null then e.rate_per_second else excluded.rate_per_second end,
    signature = case when @signature is null then e.signature else excluded.signature end
returning xmax = 0 as added
