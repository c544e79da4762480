// Package postgres is the only part of the worker that speaks to the database:
// one method for each file of sql/, the pools, the bell, the migrations.
//
// # Decisions
//
//   - Claims, settles and all that reads have pools of their own, and the bell two
//     connections, so that none starves another: six connections a worker, eight at
//     the most. One more for each scan that it runs, up to eight while hooks and actions
//     are called, and two where merchants may ask.
//   - Every connection pins what a database or a role may have set otherwise:
//     isolation, timeouts, search_path, time zone, plan mode. A claim under
//     REPEATABLE READ, for one, would fail.
//   - Looks, claims and settles are planned once (plan_cache_mode): planning took a
//     third of a claim (0.40 ms to 0.27 ms for one row) and of a settle (0.60 ms to
//     0.37 ms). So is the fetch of what to send, with the least and the greatest id
//     beside the ids, by which the days that they lie in are found when it runs.
//     Such a plan still takes a share lock on every day (219 locks with 216 of them),
//     which could not be seen in its time: 0.24, 0.19, 0.34 ms for 32 rows with 0, 60
//     and 365 days of history. Rejected for ids further apart than a day, and for
//     what people ask: it would look in each day (3.3 ms instead of 1.9 ms for 500
//     ids, 16 partitions).
//   - A settle answers only with what went otherwise than it was told to, and
//     inserts without looking for a conflict unless the batch was sent before: 18 us
//     of Postgres's CPU a row became 14 (64 rows), and 70 bytes of WAL are saved.
//   - Claims commit synchronously. An asynchronous commit would save 0.14 ms of each
//     claim (0.05 ms of CPU). But a claim that a crash of the database takes back has
//     been sent all the same: the next one would send the same attempt number again,
//     and the history would have one row for two requests.
//   - A claim updates what is at the places (ctid) of the rows that it has locked:
//     the primary key need not be searched, 4.8 us a row became 3.0 (500 rows).
//   - Parameters are arrays, unnested: 17 of them take 3 us of the 10 us that a result
//     costs in a batch of 500, the two inserted rows with their indexes 5 us, the
//     lock 1 us, the delete 0.5 us (each part added to the statement in turn).
//     Rejected: COPY into the two tables, in a transaction with the rest. It took
//     1.34 ms instead of 0.86 ms for 64 rows and 3.8 ms instead of 2.7 ms for 500.
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
//   - A change of an endpoint or a policy is told on a channel of its own, to sleeping and
//     busy workers alike, by triggers; SetFault, which workers write, is left out. What they
//     have read is then old at once. Rejected: the bell's channel, which is silent while
//     nobody sleeps; a version in a row, which every operator's transaction would lock.
//   - Slots are leased by worker, not by row: one small row for each endpoint that has a
//     limit, and worker. Reserving locks the endpoint's row of orderbell.pace and counts in
//     a second statement, in a function: one way there and back, and about 0.1 ms for each
//     endpoint (64 in one call: 7 ms, on a machine with other work; a claim of one row took
//     1.0 ms beside it). Rejected: counting in flight rows of delivery, which would be read
//     by each claim; a row for each slot, which has as many updates as requests.
//   - A rate is kept by giving away times rather than tokens: two workers that each spend
//     the tokens of a second at its end and at its beginning send twice the rate.
//   - Of an open breaker one worker takes the probe, by an update that passes over rows that
//     somebody holds: nobody waits for it.
//   - The bell is tested whenever it has connected, and counts only then: a ring
//     through the ordinary connection must arrive, and a lock must be seen from
//     there. Rejected: comparing what both connections say of themselves, which a
//     pooler passes on; a test with the bell's own channel and lock, which wakes
//     everybody and succeeds by somebody else's lock.
//   - Its two sessions are connected, tested and given up together: one way leads to
//     both, and the heartbeat of the one is then a heartbeat of the other, which may
//     wait in silence for as long as an order is open.
//   - Each look reads orderbell.setting.wake (0.01 ms of 0.06 ms), and the bell learns
//     it from there: a change works at the next look, at most a second later.
//     Rejected: the full look alone, which is 2.5 s away, or 20 times its own cost;
//     statements of the bell's own. While workers poll, the bell has no connection.
//   - A worker keeps the sleeper's lock until it has been awake for 20 ms without a
//     break. That is safe, since whoever holds it is rung for by every commit. It saves
//     taking and leaving the lock, and the look after the grant, with each order of
//     light traffic: 5.8 statements an order instead of 8.7 (100 orders, 50 ms apart).
//   - A worker that has let go of it asks for it again after five looks, a
//     millisecond apart, that found nothing. At 1,000 orders a second 0.07 of them
//     ring, against 0.60 when it asks at once; pickup is the same, because it looks
//     meanwhile. Rejected: waiting without looks, since what commits then rings for
//     nobody; such looks without keeping the lock, which at 200 orders a second made
//     8.9 transactions an order instead of 3.8.
//   - A worker with nothing to do sends three statements a minute: the heartbeat, the
//     full look, and the pool's ping before it (counted with log_statement = all).
//   - A server that has vanished without a word is noticed by TCP: keepalives and
//     TCP_USER_TIMEOUT, 3 s, no statement. A server whose TCP lives and which says
//     nothing is noticed by the bounds of statements; the bell, which waits for as long
//     as it takes, by its heartbeat once a minute.
//   - Where one connection is lost, all are made anew: one way leads to all of them, and
//     found out one after the other each would take those 3 s again.
//   - Servers that take no writes are passed over where rows are claimed and settled,
//     and left when a statement meets one: what a standby answers to a look is true, and
//     of no use.
//   - Which database this is, is asked once by each connection that claims or settles:
//     another one can only be met by connecting anew. That somebody has said since that
//     it is a copy, each look sees. The cluster's identifier alone
//     would not do, since CREATE DATABASE ... TEMPLATE makes a copy beside the original.
//   - claimed_by has a token of the process. A claim whose answer was lost can then be
//     looked for without taking what another worker of the same name has. Rejected: a
//     token for each claim, a column more for something that happens once in an outage.
//   - A run of a scan has a connection of its own, made for it: what a query of somebody's
//     leaves in its session (a lock, a setting, a temporary table) meets nobody. It costs a
//     connection for each tick, on the worker that runs it. It finds tables as the
//     database's users do: search_path and time zone are not ours.
//   - What a run did and the record of it commit together, and a transaction's lock keeps a
//     second run away: it goes when the server has ended the statement, not when a worker
//     is thought to be dead. Rejected: a lease, which ends while the statement goes on.
//   - A row of scan_run that is unfinished and not locked had a worker that died: nobody
//     need renew anything, and no clock decides.
//   - A compensating scan is one transaction, in a function of the database: half of it is
//     never done, no row travels, and a dry run is the same, rolled back. What is wrong with
//     a row is looked for before, rather than caught: a savepoint for each row slows down
//     every snapshot once there are many. Rejected: batches, for which the rows would have
//     to wait in the worker; their gain, shorter locks on the keys, is small where the query
//     leaves the last minutes out.
//   - Actions and hooks are called before their row is locked, and settled after it, in one
//     transaction. An order that is paid has its own row locked when it cancels what is in
//     flight; a function that waits for that row while it holds the delivery would make a
//     deadlock, of which the order may be the victim. What was decided otherwise
//     meanwhile takes back what the function did, and is tried again.
//   - Migrations wait 200 ms for a lock, and try again for five minutes: whoever queues
//     for a whole table holds up every order that comes after it.
package postgres
