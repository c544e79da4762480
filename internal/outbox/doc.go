// Package outbox holds the rules of Orderbell: states, outcomes, the ladder and
// the verdict on an attempt. It is pure: the standard library only, no clock,
// no I/O, nothing to configure.
//
// # A row's states
//
//	                   ┌────────── next rung, interrupted, unknown ─────────┐
//	                   ▼                                                    │
//	held ─ release ─▶ pending ────────────── claim ──────────────────▶ in_flight
//	 │                 │                                                    │
//	 │                 ├─▶ acknowledged  (a late answer)                    ├─▶ acknowledged
//	 │                 │                                                    ├─▶ exhausted
//	 ├─▶ cancelled     ├─▶ cancelled                                        ├─▶ rejected
//	 └─▶ superseded    └─▶ superseded                                       ├─▶ cancelled
//	                                                                        └─▶ superseded
//
// held, pending and in_flight are rows of orderbell.delivery; the others are
// rows of orderbell.finished. A malformed notification is born rejected, and a
// known dedupe key is born cancelled: those have no delivery row at all.
//
// # Decisions
//
//   - A merchant's 500 is a [Result], a value, and never a Go error: it is what
//     the program is there to handle.
//   - [Policy.Judge] returns durations; PostgreSQL turns them into instants when
//     the verdict is settled. One clock serves all workers. Rejected: instants
//     from each worker's own clock, which drift apart.
//   - No jitter on rungs: the waits are a published promise, and the claim takes
//     rows in batches anyway. Rejected: the random spread that is usual for
//     retries.
//   - A pending row may become acknowledged: an answer that arrives after its
//     lease was lost still ends the row, because the endpoint has it.
package outbox
