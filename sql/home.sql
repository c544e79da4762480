/* orderbell:home */
-- Which database this is, and which one its notifications belong to.
-- Called by `orderbell status`.
-- Index: none, one row. Locks: none.
select orderbell.identity() as here, coalesce(cluster, orderbell.identity()) as home
from orderbell.setting
