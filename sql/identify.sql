/* orderbell:identify */
-- Which database this is, and which one its notifications belong to. The first
-- worker that ever comes here notes that it is this one.
-- Called on each new connection that claims or settles, before anything else.
-- Index: none, one row. Locks: that row, the first time.
with noted as (
  update orderbell.setting set cluster = orderbell.identity() where cluster is null returning cluster
)
select orderbell.identity() as here,
       coalesce((select cluster from noted), (select cluster from orderbell.setting), orderbell.identity()) as home
