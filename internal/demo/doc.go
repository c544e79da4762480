// Package demo is `orderbell demo`: a shop that commits orders and rolls some
// back, those that it talks to, who answer well and badly, and a worker in between,
// all on a database of its own, so that everything can be seen on a fresh machine.
//
// [Run] plays scenes, all at the same time unless one is named:
//
//	notify    merchants are told of payments, on a ladder
//	push      partners are told of orders: held, released, in order, replaced by newer states
//	question  payment channels are asked what became of a trade; hooks write down the answer
//	close     orders that nobody has paid are closed by an action, while payments race
//	scan      scans find orders whose notification was forgotten, and gaps
//
// At the end three logs are compared: what the shop says it committed, what the
// receivers say they received, and where the database says that each notification
// stands. Beside that every scene has promises of its own, and compares what they
// are about. The comparisons are pure functions (compare.go, *_compare.go).
//
// shop.sql is the sample schema of a business, with the functions that hooks and
// actions call.
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
//   - Every scene but "shop" never looks at the database URL: somebody's shell may hold
//     the one of production. "shop" is notify without a worker, for a database of yours.
//   - One database, one worker and one shop for all scenes: that is how a business would
//     use it, and what one scene costs another would show. Rejected: one after the
//     other, in which each had a fifth of the time.
//   - The figures of the whole are the sums over the scenes. An action receives no
//     request: its attempts are the calls that the shop's journal has, which is written in
//     the transaction that settles the row.
//   - What the shop cancelled or replaced counts as withdrawn, and only if the shop's own
//     log says so: a row that ended cancelled for no reason is lost.
//   - The partner that is down hangs up on everybody. Rejected: a port where nobody
//     listens, which may become somebody else's.
//   - Whether a scan overlooked an order, or counted wrong, is judged by the instants in
//     its own records, not by how long the demo has waited: a stalled machine breaks no
//     promise.
//   - Channels are asked with real signatures, under a master key that lives as long as
//     the demo; what they answer is noted before it is sent, whoever imitates them.
//   - One shop at a time on a database, by an advisory lock: a second would give
//     the endpoints its own addresses, and the first's orders would arrive at the
//     second's merchants.
//   - Which order goes to whom, and which is rolled back, follows from its number.
//     Rejected: chance, with which a short demo may miss half of the merchants.
package demo
