// Package sql holds every statement that the program sends, one per file,
// embedded; internal/postgres has one Go method for each. The folder history has
// queries for people.
//
// Each file begins with a tag that shows in pg_stat_activity, then says what the
// statement does, who calls it, which index serves it and what it locks.
// Parameters are named: @endpoints.
package sql

import "embed"

// FS holds the statements, at its root, and the queries for people in history.
//
//go:embed *.sql history/*.sql
var FS embed.FS
