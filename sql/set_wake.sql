/* orderbell:set_wake */
-- Says how workers are woken, and whether that is a change. The table's trigger
-- notifies every worker, also where nobody rings any more.
-- Called by `orderbell wake`.
-- Index: none, one row. Locks: that row, while it changes.
with changed as (
  update orderbell.setting set wake = @wake where wake <> @wake returning 1
)
select exists (select from changed) as changed
