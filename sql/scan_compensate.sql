/* orderbell:scan_compensate */
-- Enqueues what a query lists and is not there yet.
-- Called in a run of a scan of this kind; it is sent with the name of the scan in front.
-- Index: the query's own, and the primary key of dedupe for each row. Locks: the dedupe keys
-- that are new, until the transaction ends.
select listed, enqueued, refused, coalesce(fault, '') as fault, details
from orderbell.compensate(@query)
