// Package delivery is the courier: it turns one claimed notification into one
// request and one outcome. It talks to the endpoint, never to the database, and
// holds nothing between two deliveries but idle connections, and rules and URLs
// that it has read, all of them bounded.
//
// A delivery is a sentence: build → send → read → judge.
//
//	request.go, targets.go, header.go, format.go   the claim becomes a request
//	client.go, dial.go, trip.go            the one transport, its deadline, its phases
//	answer.go, excerpt.go, retryafter.go   the answer is read, capped and made safe
//	rules.go, verdict.go                   the policy's rules say what it came to
//	failure.go                             what went wrong instead, in words
//
// # Exactly one request
//
// Go's transport sends a request again by itself, on a new connection, when a
// reused one was closed under it and the request seems harmless to repeat: it
// has no body or a GetBody, and is a GET, or carries Idempotency-Key. Attempts
// are counted and recorded, so every request here has a body that is neither nil
// nor http.NoBody, and no GetBody. An empty body is announced as the transfer
// encoding "identity", which Go writes no header for; without it Go would send a
// POST chunked, and would start a goroutine and a timer for each GET to find out
// whether there is a body. An empty POST then gets its Content-Length: 0 under
// the key "content-length", because Go writes the canonical one itself, or here
// not at all. Tests look at the bytes on the wire, so a change in Go is noticed.
//
// # What a delivery costs
//
// 500 bytes to a merchant in another process on loopback, 64 at once, on two
// cores that had other work too: the least processor time of 12 runs, of this
// process alone, by
//
//	go test -run '^$' -bench 'Deliver|BareTransport' -count 12 ./internal/delivery
//
//	                                         µs    KB   allocations
//	Go's transport alone                   19.1   3.2    44
//	with our headers and a deadline        21.6   3.8    51
//	Deliver                                24.6   4.5    60
//	Deliver without what paid, below       28.5   6.2    99
//
// Almost a third of it is the two system calls, write and read. What paid is below,
// with what it took off Deliver.
//
// # Decisions
//
//   - Paid, 4.7 µs and 29 allocations together: the phases DNS and connecting are
//     traced by the dial, which most requests do not need, and the trip is its
//     own context, so a request carries one value; headers share one array of
//     values; ids are written without Sprintf; the answer is read into a buffer of
//     its announced size, and is its own excerpt where it is plain text.
//   - Paid, 0.7 µs and 9 allocations: a rule remembers the last answer (package
//     acknowledge). Paid, 0.8 µs and an allocation: the URLs of endpoints are
//     read once, and up to 16,384 are kept. A row's own URL is read each time.
//   - Did not pay: timers that are used again instead of a context with a
//     timeout (0.3 µs, 1 allocation). Could not be had: phases noted by a body of
//     ours instead of a trace, since Go writes the headers of a request by
//     themselves, in a system call of their own, before any body that it does not
//     know; deadlines set on the connection, which outlive the request and hit
//     the next one. TLS sessions are not resumed: it saved nothing that could be
//     seen of the 0.9 ms of a handshake.
//   - One host keeps as many idle connections as the worker sends at once, or
//     every round of 256 to one merchant would open 192 anew. All hosts together
//     keep twice as many, and at least 512: 25 KB each over plain http, so 13 MB.
//     10,000 endpoints are more than that, and their connections would mostly be
//     closed as idle before they are needed again; the oldest makes room.
//   - http.Transport.RoundTrip is called directly. Rejected: http.Client, which
//     is there for redirects, cookies and its own deadline. Its one useful habit
//     is kept: user info in a URL becomes an Authorization header, unless the
//     headers have one.
//   - The deadline is the request's context, and dials follow it. Go's transport
//     cuts a dial loose from its request, so that another may use the
//     connection; here a dial finds its trip in the context and ends with it, so
//     that no delivery leaves a half-open socket behind. This is the only value
//     that a context carries.
//   - Timeout means that our deadline passed. A resolver or a kernel that gave up
//     before is unreachable.
//   - Idle connections are closed after 4 s. Common servers close theirs after 5
//     (Node, Apache), and a request sent into a connection that is just being
//     closed costs a rung. Rejected: sending again when nothing was written,
//     which would help only in the microseconds before the kernel takes the bytes.
//   - The reject rule is looked at first and wins: who rejects never wants this
//     notification again, whatever else the answer says. A reject rule that fails
//     on an answer rejects nothing.
//   - Orderbell-Event is percent-encoded: bytes outside of 0x21 to 0x7E, and the
//     percent sign. Every event then fits a header, and URL-decoding gives it
//     back. Rejected: refusing such rows, since the event is the shop's word.
//   - Headers that frame the message or are ours are silently not taken from an
//     endpoint: Orderbell-*, Host, User-Agent, Content-Length, Transfer-Encoding,
//     Connection and its kin, Expect. Headers that HTTP cannot carry reject the
//     row: sent without them, the endpoint would refuse it anyway.
//   - A row's content type wins over a Content-Type among the headers, which wins
//     over the format's default.
//   - Bytes of a URL's query that a request line cannot carry (spaces, bytes
//     above 0x7E) are percent-encoded; the others stay untouched.
//   - A policy whose rules do not compile yields interrupted: nothing was sent,
//     and no rung is spent. Workers park such rows by [Courier.Check] before.
//   - A panic yields unreachable, which waits for its rung. Rejected:
//     interrupted, which would be claimed again at once, and panic again.
//   - A status line that came is recorded even where the body was cut short or
//     late, with what came of the body. The outcome is the failure's all the same.
package delivery
