// Package app wires the parts of a worker, starts them, and stops them in the
// opposite order. It is the only package that knows them all.
//
// # Decisions
//
//   - The order of starting is a list that can be read in one function, [Work].
//     Rejected: a framework of components with dependencies, for six parts.
//   - A database that is away at the start is waited for, since a worker and its
//     database often start together. A schema that does not fit is an error at
//     once: waiting does not mend it.
package app
