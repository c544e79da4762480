// Package postgres is the only part of the worker that speaks to the database:
// one method for each file of sql/, the pools, the bell, the migrations.
//
// # Decisions
//
//   - Claims and settles have pools of their own, and the bell two connections,
//     so that none starves another: four connections a worker, six at the most.
//   - Every connection pins what a database or a role may have set otherwise:
//     isolation, timeouts, search_path, time zone, plan mode. A claim under
//     REPEATABLE READ, for one, would fail.
//   - Custom plans: a generic plan of a look-up by id locks every partition (404
//     locks instead of 5 with 400 of them).
//   - The planner is not asked whether to use the index that a statement was
//     written for: sequential scans are off on the worker's connections, claims
//     may not sort, and rows are locked by a lateral look-up of each id. After
//     ANALYZE of an emptied delivery table it chose otherwise, until autovacuum came:
//     a settle of 500 rows took over 10 s beside 100,000 others.
//   - An attempt whose lease has ended is settled as unknown by whoever finds it,
//     with the same statement as any other result. Rejected: doing that inside
//     the claim, which would need the ladder in SQL a second time.
//   - Endpoints and policies are read by those who need them, at most once a
//     second for each lane that has something due. Rejected: a copy of all of
//     them, reloaded when a version moves, which costs a hot row in every
//     operator's transaction and memory for merchants that have nothing due.
package postgres
