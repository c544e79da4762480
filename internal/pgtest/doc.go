// Package pgtest gives each test a PostgreSQL database of its own. A package's
// TestMain calls [Main]; its tests call [Database], [Empty] or [Pool]. The first
// call starts one private cluster, which all tests of the package share; where
// no test asks, none is started.
//
// # Decisions
//
//   - A migrated database is cloned from a template that is migrated once per
//     run: a clone takes about 0.1 s (PostgreSQL 15, two busy cores), whatever
//     the migrations take. Rejected: one database that tests clear, which can't
//     run in parallel; "strategy file_copy", which was no faster and is not in
//     PostgreSQL 14.
//   - One cluster per package under test, small and not synced to the disk.
//     Rejected: a shared one for `go test ./...`, which somebody must own.
//   - [Main] is handed the migration, so that this package knows none, and
//     package postgres can itself be tested with it.
//   - The cluster is the package's only state, because testing hands nothing
//     from TestMain to tests. Rejected: a value that each test file declares.
package pgtest
