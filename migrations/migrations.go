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
//   - The setting table has one typed row, so that CHECKs guard each value.
//     Rejected: names and text values, which only the reader can check.
package migrations

import "embed"

// FS holds every migration file, at its root.
//
//go:embed *.sql
var FS embed.FS

// Version is what orderbell.schema_version() answers when all migrations have run.
const Version = 11
