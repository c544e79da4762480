/* orderbell:unblock */
-- Lets the sequences of an endpoint go on that stand still, or the one of a key.
-- Called by `orderbell endpoint unblock`.
-- Index: primary key of blocked, then delivery_sequence. Locks: the sequences' rows in
-- blocked, and the next row of each.
select orderbell.unblock(@endpoint::text, @sequence_key::text) as unblocked
