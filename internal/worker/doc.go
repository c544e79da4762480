// Package worker carries notifications from the database to their endpoints:
// wait, claim, deliver, judge, settle. One goroutine looks and claims, one fetches
// what to send, one for each slot delivers, one settles, one renews leases.
//
// A row's way, by files:
//
//	look.go, schedule.go               which endpoints have something due, and when to ask
//	lanes.go                           these, in turn; or at rest, or full
//	portion.go                         what each may begin now, as far as it is admitted by
//	breakers.go, limits.go, network.go, directory.go
//	slots.go, room.go, shares.go, flights.go   places for requests, prompt and slow
//	serve.go, doubt.go, suspects.go    claims
//	send.go, carry.go, batch.go        deliver, judge
//	settler.go, leases.go, lapses.go   settle, renew, and what others have lost
//	alone.go, act.go, hooks.go         settle with a hook; actions; hooks that have failed
//	report.go, faults.go               the log
//
// # Decisions
//
//   - A worker looks for endpoints, not for rows, and serves them round robin as
//     lanes. Claiming by due time over all endpoints would walk the backlog of
//     every endpoint that hangs, at every claim.
//   - A lane that may not send is in no round. Where only the database can say when that is
//     over (a pause, a breaker that others opened, a policy that does not work) the looks
//     leave it out; where we know it (full slots, a rate, our own breaker) it rests or waits
//     here. Neither costs a statement for each lane.
//   - A full look is made beside the work, after the first one: with 500,000 rows due it
//     takes over 100 ms, and claims and looks must not wait for it.
//   - Requests move from prompt slots to slow ones after a second, or after 50 ms while
//     prompt slots are scarce, and only half of the slow slots are for requests that begin
//     there. Who hangs is found out in a prompt slot: where 300 of 1,000 endpoints begin to
//     hang, both were needed to keep prompt slots free. Rejected: as many slow slots as
//     requests hang, since each is a connection and up to a body's memory.
//   - Limits over all workers are asked for before the claim, and kept until the lease ends:
//     a claim that joined them would have to lock and count in one statement, which counts
//     with a snapshot from before the lock.
//   - Each worker counts failures for its own breakers, and they open for all of them by a
//     row in the database. Rejected: counting in the database, a write for each failure.
//   - What was claimed before a breaker opened, and has no slot yet, is handed back: it would
//     spend rungs on an endpoint that is known to be away.
//   - Our own network counts as gone when nobody was reached, however few attempts that
//     were. It is a guess; so whoever has not been tried since is tried at once, and one
//     answer ends it. If it was wrong, and five merchants were merely down together, the
//     others wait for one look.
//   - A claim takes the free slots, and as many rows more as will be free within
//     10 ms, by how long slots are held. A claim costs the database
//     0.25 ms and then 4 to 5 us for each row: 13 us a row with 32 rows, 6.5 us with
//     150; and the slots are not idle while it is made. With
//     slow endpoints that is none, nor with those that hang, since nothing comes free.
//     What has waited for a second, because fast ones have begun to hang, or waits
//     when the worker is stopped, is handed back. Rejected: by how many slots came
//     free since the last claim, which a burst of slow answers makes many.
//   - What to send is fetched for rows that have a slot, never for those that wait:
//     bodies in memory are bounded by the slots. It waits for half a millisecond
//     for more slots than one: 3.5 us of the database for each of 64 rows in one
//     statement, 7.8 us for each of 16.
//   - One goroutine claims. Two workers with 32 slots each, which is two claimers,
//     drained 100,000 rows at 11,700 and 16,900 a second where one with 64 slots did
//     at 14,400 and 15,600.
//   - The goroutines that deliver are kept, about one for each slot: their stacks
//     have grown. A new one for each delivery took 21.9 us of CPU instead of 20.1
//     (64 at once).
//   - A slot is free again when its result is handed to the settler, not when it
//     is settled: while one batch is written the next gathers. If results pile up,
//     claiming stops.
//   - The settler writes whatever is ready: one result alone at once. After a batch
//     of several it lets 5 ms pass, so that the next one is larger: a result costs
//     the database 15 us in a batch of 64 and 10 us in one of 500. Nobody waits for
//     it but the history: the slot is free again.
//   - A busy lane remembers where it got to, until a look sees something before
//     that. From its beginning a claim walks over what is in flight, and over what
//     was deleted while somebody's transaction was open: with 400,000 of those a
//     drain had not ended after 500 s.
//   - A lane whose claim gave nothing rests until the next look, and a look whose
//     lanes all gave nothing is followed by a short pause: rows that are parked or
//     locked must not keep a worker spinning.
//   - A request is ended when the lease of its row ends by our own clock, which is never
//     later than the database's: from then on another worker may send it. Its attempt is
//     unknown. Each request in flight has a timer, which a renewal moves. Rejected: one
//     goroutine that looks every so often, which would cut late.
//   - While the database does not take results, nothing is claimed; so memory is bounded
//     by what was in flight, and after an outage results come first. A result that the
//     database refuses for what is in it counts for nothing there: it would wedge the
//     worker.
//   - After an outage, ended leases of others are left alone for two seconds: mostly their
//     workers are alive, and have the outcome.
//   - Rows whose last two attempts or more are unknown are claimed apart and sent one by
//     one, the next when the last one is settled or has been in flight for 100 ms. What
//     was in flight with a row that kills its worker is unknown as often as that row; sent
//     together again, innocent rows would climb the ladder with it to its end (128 of
//     200 did, on a ladder of two rungs, all in flight at once). Rejected: to leave that to chance.
//   - Rows with a hook are settled one by one, four at once, apart from the batches: a hook
//     may take as long as its policy's timeout. An action keeps its slot while its function
//     runs, as a request does, so that every limit, pause and breaker is the same for both.
//   - A hook that has failed is called again by whoever's look finds it due, and nothing is
//     claimed for it: the endpoint has been told. Rejected: an attempt for each call, which
//     would be attempts that the endpoint never saw.
//   - Rows that share a request are claimed together, a few moments before their time where
//     they have waited for nothing else. So a batch needs no timer in a worker, and no
//     claimed row waits for others. Rejected: to gather claims, whose leases would run.
//   - A claim whose answer was lost is looked for before the next one, by the token of
//     this process, and carried on. Rejected: leaving it to the end of the lease, which
//     spends an attempt that never was.
package worker
