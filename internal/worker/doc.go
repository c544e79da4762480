// Package worker carries notifications from the database to their endpoints:
// wait, claim, deliver, judge, settle. One goroutine looks and claims, one for
// each slot delivers, one settles, one renews leases.
//
// # Decisions
//
//   - A worker looks for endpoints, not for rows, and serves them round robin as
//     lanes. Claiming by due time over all endpoints would walk the backlog of
//     every endpoint that hangs, at every claim.
//   - A claim takes no more rows than there are free slots, and every claimed row
//     is started at once: nothing waits in memory, so stopping has little to give
//     back, and bodies in memory are bounded by the slots.
//   - A slot is free again when its result is handed to the settler, not when it
//     is settled: while one batch is written the next gathers. If results pile up,
//     claiming stops.
//   - The settler has no timer. It writes whatever is ready: one result alone at
//     once, many in one commit.
//   - A lane whose claim gave nothing rests until the next look, and a look whose
//     lanes all gave nothing is followed by a short pause: rows that are parked or
//     locked must not keep a worker spinning.
package worker
