// Package model says the rules of notifications a second time, in plain Go and from
// the contract's words, and holds the program against it. It has tests only.
//
//   - TestRandomSequences makes random steps (enqueue, claim, answer, crash, settle,
//     cancel and so on) of two workers and a business transaction on a real
//     PostgreSQL, and compares every notification with the model after each step.
//     More of them: go test ./internal/model -run Random -rapid.checks=2000
//   - TestEveryInterleaving makes every sequence of such steps, of two workers with
//     two notifications, on a restatement of the SQL in Go together with outbox's
//     Judge. TestEveryBrokenRuleIsFound breaks that in each of its rules, and expects
//     the search to notice. MODEL_DEEPER=1 makes every sequence a step longer.
//   - TestEveryStatementFromEverySituation puts each situation that such a search
//     meets into PostgreSQL, and makes each step from there.
//
// # Decisions
//
//   - The model keeps the attempts of a notification, and counts rungs and unknowns
//     anew from them each time. Rejected: counters like those of the table, which
//     would repeat the program's arithmetic rather than check it.
//   - A step is a value. The same steps go to PostgreSQL, to the restatement and to
//     the model, drawn at random or enumerated, and a sequence that fails reads as a
//     list of them.
//   - Tests move rows, not clocks: leases end and waits pass because a step says so.
//     The ladder's rungs are hours, the leases are made hours long.
//   - Random sequences share one database, and each has endpoints of its own: a
//     database for each would take longer than the steps.
//   - The search remembers hashes of the situations it has met, and takes those that
//     differ only in which worker or which notification is which for one. Rejected:
//     remembering the situations, which have 936 bytes each and not 8.
//   - Replay is not among the steps, because the schema still refuses it; nor are
//     held notifications and supersede.
package model
