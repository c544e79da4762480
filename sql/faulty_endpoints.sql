/* orderbell:faulty_endpoints */
-- The endpoints whose rows are parked, from an id on, 100 at the most: looks leave them out,
-- so that a worker that could send them would not hear of them.
-- Called by the worker with a full look, every few seconds at the most.
-- Index: endpoint_fault. Locks: none.
select id from orderbell.endpoint where fault is not null and id > @after order by id limit 100
