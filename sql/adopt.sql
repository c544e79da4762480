/* orderbell:adopt */
-- Makes this database the one that its notifications belong to, and says which one
-- it was before.
-- Called by `orderbell adopt`.
-- Index: none, one row. Locks: that row, while it changes.
with before as (
  select cluster from orderbell.setting for update
), changed as (
  update orderbell.setting set cluster = orderbell.identity() where cluster is distinct from orderbell.identity()
)
select orderbell.identity() as here, coalesce((select cluster from before), '') as home
