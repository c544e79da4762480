// Package demo is `orderbell demo`: a shop that commits orders and rolls some
// back, merchants that answer well and badly, and a worker in between, all on a
// database of its own, so that everything can be seen on a fresh machine.
//
// [Run] plays a scene. At its end three logs are compared: what the shop says it
// committed, what the merchants say they received, and where the database says
// that each notification stands. The comparison is one pure function.
//
// # Decisions
//
//   - The database is believed only where it says that a notification is
//     unfinished, or has had its whole ladder. Whether one arrived, arrived twice,
//     or belongs to an order that was rolled back, the logs of the shop and the
//     merchants say. Rejected: counting the tables, which would repeat what the
//     worker believes.
//   - At the end the database is read before the merchants' log: a merchant notes
//     its acknowledgement before it sends it, so whatever the database calls
//     acknowledged is in the log by then. The other way round, a notification
//     that is acknowledged between both readings would seem lost.
//   - An order whose COMMIT failed may have been committed: it is neither, and
//     nothing is expected of it. An order that failed before its COMMIT was sent
//     is not committed, whatever the cause.
//   - Orders are placed for two thirds of the time; in the rest, ladders climb.
//   - All merchants share one port, each with a path. Rejected: a port for each,
//     which shows nothing more.
//   - The scene without a name never looks at the database URL: somebody's shell
//     may hold the one of production.
//   - One shop at a time on a database, by an advisory lock: a second would give
//     the endpoints its own addresses, and the first's orders would arrive at the
//     second's merchants.
//   - Which order goes to whom, and which is rolled back, follows from its number.
//     Rejected: chance, with which a short demo may miss half of the merchants.
package demo
