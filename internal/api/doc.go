// Package api is the HTTP API by which merchants ask: what became of an order, and, for
// those who pull, what they were sent.
//
//	GET /v1/orders/{order_no}
//	GET /v1/notifications?after=CURSOR&limit=N
//
// Both want Authorization: Bearer TOKEN, and answer about the token's endpoint alone. The
// answers have the columns of the views notification_status and delivery_history, by their
// names. Errors are {"error": "..."}.
//
// # Decisions
//
//   - Ids are ordered by the time at which they are made, and orders commit in any order: a
//     cursor that simply went on from the last id would skip a notification whose order
//     commits late. So a page ends before the earliest beginning of any transaction that may
//     still commit one. Such a transaction shows in pg_locks, which everybody may read. When
//     it began does not show there, but one that the last look did not show has begun since.
//     Rejected: the xmin of the snapshot, which any transaction of the server holds back, a
//     dump for hours, and which is in no index; a number given at commit, a lock for every
//     order; reading again what was read, which needs the merchant to know it.
//   - What holds pages back is never given up: a transaction that stays open for a day,
//     prepared perhaps, keeps merchants waiting for a day, and a warning in the log names it.
//     Only at the start of the process the age of what is open may be unknown: then it is
//     taken to be an hour. Where the worker's user may see when transactions began (it is the
//     same user, or in pg_read_all_stats), it is known.
//   - A second is taken off: enqueue() makes the id just before its transaction shows, and
//     clocks are set back a little. A clock that is set back by more, and a failover to a
//     server whose clock is, make ids that lie before cursors already given.
//   - The look is made by whoever asks, four times a second at the most, and used by all. After
//     a pause everything that is open looks old: then it looks again after some milliseconds,
//     when most of it has ended. Rejected: a loop that looks all the time, for nobody.
//   - A cursor that has come to the end moves along a day behind the horizon, so that a page
//     of an endpoint that is rarely told of anything does not look into every day since.
//   - A cursor carries a check of its endpoint. It is no secret, and nothing is seen by a
//     wrong one; but one that was mixed up would skip what lies between.
//   - Explanations and errors are told in the view's words where these are about the merchant's
//     own endpoint. Names of workers and users, an operator's reasons, and faults on our side
//     (parked, blocked, the proxy) are told in words of ours. Rejected: all in the view's
//     words, which were written for the sender; none, since a merchant asks in order to mend.
//   - A token is looked up by its SHA-256 at each request, so that it is over as soon as it is
//     revoked. It has 260 random bits: no salt and no slow hash is needed.
//   - An order of another endpoint is 404 like one that is unknown, with the same text.
//   - An address that has failed too often is refused without a look-up, but for tokens that
//     were good a moment ago: behind a proxy everybody has one address.
//   - The API has two connections of its own, so that merchants wait for one another rather
//     than the worker for them. Rejected: the worker's, of which a slow page would take one.
//   - A page holds 500 notifications or 4 MB of bodies, whatever comes first, at most 32
//     answers are in memory, and 4 of them for one token.
//   - Statements go on when a merchant hangs up: to cancel one costs its connection.
//   - Nothing of a request is logged, so that no token can be.
//   - Paths are matched by hand: [http.ServeMux] answers in plain text, and redirects what has
//     two slashes or dots, which an order number may have.
//   - Plain HTTP: certificates are the affair of the proxy that stands before it.
package api
