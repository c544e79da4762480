// Package bench measures this machine: how fast a worker delivers, how soon after
// an order's commit, what that costs the database, and what it costs the orders.
// [Run] takes the measures; each figure stands beside a yardstick that was taken
// in the same run.
//
// The merchant is a process of its own ([merchant]), and so is the worker: this
// program started again as `work`, with everything as shipped. Only where a
// measure times what happens inside a worker does that run in this process.
//
// # The measures
//
//	drain        deliveries a second from a backlog; WAL and processor time for them
//	pickup       from an order's commit to the arrival at the merchant
//	tax          order transactions a second, without an outbox row, with a plain one, with ours
//	idle         transactions and processor time with nothing due
//	growth       drain, pickup and claims beside a million finished and a million waiting rows
//	punctuality  arrival after the due time
//	snapshot     drain and claims while another session keeps a transaction open
//	memory       of a worker, at its peak
//	neighbours   pickup and claims beside endpoints that hang; limits kept by two workers; what comes after an outage
//
// # The database
//
// A private server with fsync and synchronous commits, 512 MB of shared buffers,
// and a log so large (max_wal_size 8GB, checkpoint_timeout 1h) that checkpoints
// come between the measurements and not within. Or a server that is given: a
// database of the bench's own is made there and dropped at the end, also when the
// run is interrupted. Nothing else there is touched, but the server makes checkpoints
// when it is asked to, and the WAL that is counted is everybody's.
//
// # Decisions
//
//   - ORDERBELL_DATABASE_URL is not looked at: it may be production's, in the
//     shell of somebody who is merely curious. A server is given by --database.
//   - A ratio is the median of the rounds' own ratios. Yardstick and figure of one
//     round are taken seconds apart, and a machine that slows down slows both.
//     Rejected: the ratio of the medians.
//   - Only ratios are judged, and figures that no faster machine makes better:
//     bytes, rows, transactions. Milliseconds and rates are for a machine whose bare
//     loop reaches 50,000/s, and shown. A target that is missed is a measurement,
//     and no failure. Quick figures are not judged at all.
//   - A drain begins with a checkpoint, then come the rows. With the checkpoint
//     after the rows every page is written to the log once more, as it happens
//     once in many minutes: 911 bytes of WAL a delivery instead of 826
//     (bench --only drain, 60,000 rows).
//   - Tables are emptied before each round, so that the tenth drain is like the
//     first. Growth is a measure of its own, and there both databases are only
//     vacuumed, the full one and the empty one.
//   - A drain ends when nothing is unfinished any more, not at the last request:
//     what was sent but not settled would be sent again. It begins at the first
//     request, so that starting a process is not in it. Processor time has the
//     start in it: 0.05 s of a worker, in 60,000 deliveries.
//   - The snapshot's drain, inside this process, ends at the last request. Its claims
//     are a median, so that the few after a full look do not show, which begin at the
//     front of their lane.
//   - Orders "without a bell" have a trigger with that one condition taken out.
//     Rejected: wake set to poll, with which the trigger tries the lock all the same.
//   - The tax is measured with workers that deliver next to nothing. Their backlog
//     and the orders' own notifications go to endpoints that keep a request for a
//     second (busy) or a minute (saturated), and all 64 slots are taken before the
//     first order: 64 deliveries a second at most. Deliveries at full speed would take the
//     orders' two cores, and that is no tax of the outbox. The orders' rows are due
//     at once, as in life, so that trigger and bell do all that they do.
//     Rejected: rows that are due later, since the trigger need not ring for them.
//   - Transactions of an idle worker are counted over whole lives, one short, one
//     longer by a minute, and subtracted: a session's counters are complete only
//     when it has ended. A second database without a worker tells what Postgres
//     does by itself.
//   - A worker's memory is VmHWM. Rejected: ru_maxrss on Linux, which begins with
//     what the parent had when it started the child.
//   - The yardsticks' process collects garbage at GOGC=400. Its heap is a few
//     megabytes, and at 100 it was collected all the time: 33,000 requests a second of
//     the bare loop instead of 38,000. A yardstick should be at its best.
//   - The per-second poll is done well: an index for its query, everything due in
//     one select, requests 64 at a time on the same transport, and no pause while
//     there is more. Its table is emptied too.
//   - Rates are kept by an open loop: an order that is late does not delay the next
//     one, and the pickup does not look better because of it.
//   - Workers that a killed bench leaves are ended by the merchant, which notices
//     that its input has ended. What stays behind in that case alone is the database
//     on a given server, orderbell_bench_ and ten letters.
//   - The loads of neighbours, with nobody, one and a third of the endpoints hanging, are
//     of one length and told apart alike into the first 10 s of a worker and what
//     follows: it knows nobody yet in the first. Rejected: a shorter one where nobody
//     hangs, in whose p99 the worker's start would weigh more, and flatter the others.
//   - An order to a healthy endpoint that has not arrived 8 s after the last one counts
//     the time until then, and is counted as not arrived. Rejected: to wait for it, since
//     what hangs may hold it back for minutes; and to leave it out, which makes the worst
//     the best.
//   - Before each of these loads the database forgets breakers, retries and what was not
//     delivered, so that every worker meets its endpoints for the first time.
//   - A load in which nothing hung that should, or something that should not, or in which
//     orders are missing though nobody hangs, is an error: a worker that sends nothing
//     would be as quick beside the ill as without, and a yardstick that is ill itself
//     makes everything look well.
//   - Its claims take one row of each of 64 lanes, the one that hangs among them, and
//     their p99 counts. growth claims 64 rows of one lane, and takes the median.
//   - Limits are read from the merchant's log: a request is there from the end of its head
//     until its answer is about to be written, a little less than the worker has it in
//     flight; and a second may begin anywhere. Beside how much was too much stands how
//     much was let through, since a worker that sends nothing keeps every limit.
package bench
