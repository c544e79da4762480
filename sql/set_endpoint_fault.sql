/* orderbell:set_endpoint_fault */
-- Says why the rows of an endpoint are parked; empty: they no longer are.
-- Called by the worker's directory when its requests cannot be signed, or can again.
-- Index: primary key. Locks: the endpoint's row.
update orderbell.endpoint
set fault = nullif(@fault, '')
where id = @id and fault is distinct from nullif(@fault, '')
