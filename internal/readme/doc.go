// Package readme runs what README.md shows: its commands against the real
// program, its SQL against a real database, its examples in other languages with
// whatever this machine has for them. It holds the tables, names and keys that
// the page mentions against the code, and docker-compose.yml, the Dockerfile and
// .dockerignore too. It has tests only.
//
// # Decisions
//
//   - The tests read the blocks out of the page, so that what is shown is what is
//     tested. Rejected: example files that the page quotes, which drift apart
//     from it; marks in the page, since heading and language find every block.
//   - Only addresses are replaced: the database's, and the merchant's.
//   - An example in a language that lacks its driver here is checked for its
//     syntax, and its SQL is run from Go. Only a missing program is skipped.
//   - Examples that verify judge requests that internal/delivery/sign has signed, so
//     that they fit what is sent. A process judges all of them, one in a line, in
//     base64. Rejected: a process for each, since some take a second to start; JSON,
//     which Java cannot read without a library.
//   - That an example compares in constant time is read in its text. Rejected: taking
//     the time, which a busy machine cannot.
package readme
