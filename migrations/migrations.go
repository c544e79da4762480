// Package migrations holds the schema of Orderbell: goose migrations, embedded.
// They are the public face of the database, and their comments its
// documentation. The numbers are applied in order; schema_version() says which
// was the last.
//
// # Decisions
//
//   - The first release is told in chapters (tables, checks, what producers call,
//     policies, views, roles) rather than in one long file, because they are read
//     more often than they are run.
//   - States and outcomes are enums: four bytes in rows that are written by the
//     million, and a word that is misspelled is an error. The views show text.
//   - Views that people read are replaced, with new columns at their end, and never dropped
//     on the way up: a dashboard's own view of them would hold up the migration.
//   - What workers agree on among themselves (breaker, slot, pace) is in tables without
//     foreign keys: a lease must not lock the row of a merchant. Rejected: columns of
//     endpoint, whose every change is told to all workers.
//   - The setting table has one typed row, so that CHECKs guard each value.
//     Rejected: names and text values, which only the reader can check.
package migrations

import "embed"

// FS holds every migration file, at its root.
//
//go:embed *.sql
var FS embed.FS

// Version is what orderbell.schema_version() answers when all migrations have run.
const Version = 16
