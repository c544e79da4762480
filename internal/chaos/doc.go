// Package chaos breaks things, and checks that Orderbell holds what it promises: it
// is test support. It starts the real program, a real PostgreSQL, a shop in a
// process of its own, and merchants that keep a log, lets a scenario kill, freeze
// or cut off whatever it likes, and then holds three logs against each other: what
// the shop committed and rolled back, what the merchants received, and what the
// database says.
//
//	go test ./internal/chaos                       every scenario once
//	ORDERBELL_CHAOS=30m go test ./internal/chaos -run Random -timeout 0
//
// A scenario reads like this:
//
//	h := chaos.New(t, chaos.Options{Endpoints: []chaos.Endpoint{{Name: "m-1", Temper: chaos.Stumbling(1)}}})
//	w1 := h.Work("w1")
//	h.Work("w2")
//	h.Shop(chaos.ShopOptions{Orders: 200})
//	h.Kill(w1)
//	h.AtRest()
//	h.Check()
//
// [House] is where it happens. [Check] is the checker, a pure function of the logs
// and of what the scenario's faults excuse; [Invariants] are what it looks at.
//
// # Decisions
//
//   - Processes are real, and are killed by real signals: a goroutine that is told to
//     end cannot die between two statements. The program is built once for each run,
//     with the race detector where the tests have it; a race anywhere fails its test.
//   - The checker states the rules a second time, in the contract's words, and uses
//     nothing of package outbox: what it checks must not be its measure.
//   - The shop writes to its log what it is about to commit, and then what came of it,
//     each line synced. A commit of unknown outcome is looked up in the database: only
//     that can tell. Rejected: reading the business table, which Orderbell's own
//     trigger could have spoiled together with the rest.
//   - The shop is the test binary, started again. It shares no memory and no
//     connection with the test, can be killed like any other, and needs no program of
//     its own to be built.
//   - A merchant's answer is in its log before it is sent. What the database knows of
//     it, its log knows; so the database is read first.
//   - An acknowledgement excuses a second request only if its attempt was not recorded
//     as acknowledged, a fault lay between its arrival and its settling, the attempt
//     was the faulty worker's, and no more such requests came than rows were in flight
//     by the database's own count. Rejected: a number of duplicates for each run,
//     under which one of every fault could hide.
//   - Times are compared although three processes take them: on one machine they are
//     of one clock. No test fails for being slow; limits only end what hangs.
//   - A shell ends what is left, and removes the folder, when the run of the tests
//     dies, as devpg does for its servers: a frozen worker would stay for ever.
//     Rejected: Pdeathsig, which only Linux has.
//   - [House.ExpireLeases] moves rows where a scenario would wait for a lease to end;
//     those that tell how long recovery takes wait.
//   - The random schedule deals its faults like cards, each kind once before any comes
//     again, so that a run of some length misses none. It may excuse what was in flight
//     only where a worker was away for so long that a lease could end. Rejected: a fault
//     of any length as an excuse, which would hide a lease that ends too early.
//   - The former release's program, for rolling deploys, is found in the history by what
//     the schema says of the oldest program. Rejected: a commit's id in the test, which
//     somebody must remember to move.
//   - To meet a process in the middle of a statement, [House.Lock] holds what the
//     statement needs next, and [House.Blocked] waits until it waits. Rejected:
//     failpoints in the program, which would then not be the one that is shipped.
//   - Planted bugs are patches of a copy, built with go build -overlay: the shipped
//     sources have no hooks, and a patch whose place has moved fails and says so.
//     Rejected: build tags, which would sprinkle the bugs over the sources.
//   - The binary, its folder and the shell are the package's only state, because
//     testing hands nothing from TestMain to tests.
package chaos
