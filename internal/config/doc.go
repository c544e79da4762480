// Package config reads and checks the configuration of orderbell: a YAML file,
// overridden by environment variables, on top of defaults.
//
// The table in keys.go is the list of what can be configured. A key such as
// worker.concurrency is written as "concurrency" below "worker" in the file, and
// is ORDERBELL_WORKER_CONCURRENCY in the environment. [Load] finds every problem
// in one pass, so that whoever mends a file mends it once.
//
// # Decisions
//
//   - The YAML tree is walked with the table of keys in hand. Every value becomes
//     text and goes through the parser of its key, the same for the file and the
//     environment. Rejected: decoding into a struct in strict mode, which stops at
//     the first error and needs a second path for the environment.
//   - A known key whose feature is not built yet is refused when it has a value. A
//     setting that is accepted and does nothing is worse than an error.
//   - No message quotes a value of a secret key, nor one that looks as if it held
//     a password, and no message carries lines of the file.
//   - Anchors, aliases, tags and merge keys are refused. A configuration of this
//     size does not need them, and so no file can grow while it is read.
//   - A key without a value, and a variable that is empty, count as not set:
//     Docker Compose and Kubernetes pass empty variables for things left out.
//   - A file is at most 64 KB, and nested 16 levels in brackets or dashes. The
//     parser's cost grows with the square of keys and nesting: 64 KB of "a: 1" took
//     0.4 s, but 32 KB of "[" took over 1.7 GB of memory. Lexing alone is linear,
//     so the nesting is judged on the tokens, before parsing.
//   - A schedule of a scan is kept as it was written, with its place, and judged by those
//     who know schedules, as URLs are by those who know databases: [Error] carries both
//     also where something else is wrong. Rejected: a parser handed to [Load] by all of
//     its callers.
//   - A file with nothing in it is an error, for it is most often a failed template
//     or a bad mount. One that holds only comments is fine.
package config
