/* orderbell:add_probe */
-- Records what a probe of an endpoint found, with who made it.
-- Called by `orderbell endpoint probe`.
-- Index: none, an insert. Locks: none.
insert into orderbell.probe (endpoint, passed, report)
values (@endpoint::text, @passed::boolean, @report::jsonb)
