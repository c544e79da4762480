/* orderbell:add_endpoint */
-- Adds an endpoint, or changes the URL and policy of one that is there. What else is null
-- stays as it is; 0 and an empty text take it away. Without batches nothing waits for one.
-- Called by `orderbell endpoint add`.
-- The check before an insert sees what is inserted, also where it becomes an update: hence
-- the batch size of the one that is there.
-- Index: primary key. Locks: the row.
insert into orderbell.endpoint as e (id, url, policy, max_in_flight, rate_per_second, signature,
                                     batch_size, batch_wait, on_head_exhausted, answer_key)
values (@id, @url, @policy, nullif(@max_in_flight::int, 0), nullif(@rate::numeric, 0), nullif(@signature::text, ''),
        case when @batch_size::int is null then (select former.batch_size from orderbell.endpoint former where former.id = @id)
             else nullif(@batch_size, 0) end,
        coalesce(@batch_wait::interval, '0'), coalesce(@on_head_exhausted::text, 'skip'), nullif(@answer_key::text, ''))
on conflict (id) do update
set url = excluded.url, policy = excluded.policy,
    max_in_flight = case when @max_in_flight is null then e.max_in_flight else excluded.max_in_flight end,
    rate_per_second = case when @rate is null then e.rate_per_second else excluded.rate_per_second end,
    signature = case when @signature is null then e.signature else excluded.signature end,
    batch_size = case when @batch_size is null then e.batch_size else excluded.batch_size end,
    batch_wait = case when @batch_wait is null and @batch_size is distinct from 0 then e.batch_wait else excluded.batch_wait end,
    on_head_exhausted = coalesce(@on_head_exhausted, e.on_head_exhausted),
    answer_key = case when @answer_key is null then e.answer_key else excluded.answer_key end
returning xmax = 0 as added
