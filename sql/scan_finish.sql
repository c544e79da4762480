/* orderbell:scan_finish */
-- Writes what a run of a scan came to. Once: nobody changes it later.
-- Called at the end of a run, in its transaction, or after that was lost.
-- Index: primary key. Locks: the row.
update orderbell.scan_run
set finished_at = clock_timestamp(), result = @result, rows = @rows::bigint, enqueued = @enqueued::bigint,
    error = nullif(@error, ''), details = @details::jsonb
where id = @id and finished_at is null
returning id
