// Command orderbell delivers the notifications that an order service writes in
// its order's own commit, and shows what became of them. One file per command;
// root.go is the tree.
//
// It ends with status 0 when it has done what was asked, 1 when that failed (for status,
// endpoint probe and scan run: also when something is wrong), and 2 for wrong usage or
// configuration. Results go to standard output; logs, warnings and errors to standard error.
//
// # Decisions
//
//   - Commands return errors, and main alone prints them and chooses the status.
//     Rejected: cobra's own printing, which adds the usage to failures that have
//     nothing to do with it.
//   - A worker that is told to stop has done what was asked, even if it was still
//     waiting for its database: status 0. A service manager that stops it should
//     not see a failure.
//   - A problem that has a place in the configuration file is printed without the
//     program's name in front, so that editors find FILE:LINE:COLUMN.
//   - A database URL that pgx cannot read is a problem of the configuration, found
//     before anything is started.
//   - `endpoint add` without --policy leaves the policy of an endpoint that exists
//     alone: who changes a URL does not mean to change the ladder.
//   - The same goes for its limits, which are taken away by 0: they are given to PostgreSQL
//     as changes, so that two operators do not undo each other's.
//   - A pause and an open breaker are no findings of status: somebody chose the one,
//     and the other is how an endpoint that is ill should be treated. Both are counted.
//   - `endpoint probe` prints its report on standard output, and what only the sender
//     should know on standard error. What keeps it from sending anything is an error.
//   - `scan run` is recorded like a worker's run, and a dry run too: whoever looks for what
//     changed an order at noon should find it.
//   - No completion command yet: what the contract does not name is not there.
package main
