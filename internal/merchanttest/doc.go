// Package merchanttest is a merchant for tests: a real HTTP server on loopback
// whose answers are scripted, and which remembers every request.
//
//	m := merchanttest.New(t)
//	m.Script("/notify/42", merchanttest.Status(500), merchanttest.Success())
//	… send to m.URL + "/notify/42" …
//	requests := m.Wait(t.Context(), 2)
//
// A request is answered by the script of its path, else by the script of its
// order, else by the script of "" (every other request), else with status 200
// and `success`. The last answer of a script is repeated.
//
// # Decisions
//
//   - A request counts as answered just before its answer is written, and not
//     after: the sender may act on the answer before the handler returns, and
//     [Merchant.Overlaps] would see an overlap that is none.
//   - Wait hangs on a signal, never on a clock; its context bounds it.
//   - Faults are made by taking the connection over from net/http, so that what
//     arrives is exactly what a broken server sends.
package merchanttest
