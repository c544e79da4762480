// Package delivery is the courier: it turns one claimed notification into one
// request and one outcome. It talks to the endpoint, never to the database, and
// holds nothing between two deliveries but idle connections, the certificates of
// endpoints, and rules and URLs that it has read, all of them bounded.
//
// A delivery is a sentence: build → send → read → judge.
//
//	request.go, targets.go, header.go, format.go   the claim becomes a request
//	client.go, dial.go, trip.go            the transport, its deadline, its phases
//	bounds.go                              what an endpoint may send before it is cut off
//	proxy.go, credentials.go               an egress proxy; an endpoint's own certificates
//	answer.go, excerpt.go, retryafter.go   the answer is read, capped and made safe
//	signer.go                              who signs, and verifies what channels answer
//	rules.go, verdict.go                   the policy's rules say what it came to
//	failure.go                             what went wrong instead, in words, and at whose side
//
// Several notifications go the same way in one request, a JSON array of them:
//
//	batch.go                               which may go together, and what each was answered
//
// A probe tests an endpoint by the same way, about no order:
//
//	probe.go, exchange.go                  its requests, and what it wants of them beyond a result
//	forge.go                               signatures that are wrong on purpose
//	probe_reach.go, probe_checks.go        what it looks at
//	report.go                              what it found, for people and as JSON
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
// Since then the wire counts lines and knows whether anything was asked: 62
// allocations, 4.7 KB. Almost a third of the time is the two system calls, write and
// read. What paid is below, with what it took off Deliver.
//
// # Hostile endpoints
//
// A thousand connections at once, each of which costs us as much as it may and then
// stays: what they add to the heap in use and the stacks at most, the merchants being
// another process, and in brackets what the runtime takes from the system, by
//
//	go test -v -run TestCrowds ./internal/delivery
//
//	                                      MB used (taken)   with the caps of before
//	21 tempers mixed                      46 to 47 (49 to 50)      71 (77)
//	64 KB of headers                      40 to 47 (41 to 48)      71 (74)
//	64 KB of body                         50 to 53 (51 to 54)     105 (116)
//	TLS handshakes, then silence          56 to 64 (56 to 64)      62 (69)
//	chains of certificates of 15 KB       63 to 72 (70 to 75)      77 (81)
//
// (Two cores, a load of 5 to 7 from others, three runs; before: 64 KB of headers and
// of body, no cap on lines or handshakes, buffers of 4 KB, one run.) The bound is
// 64 MB. About half is garbage: the collector lets the heap double. A thousand
// handshakes in one moment just about reach it, and a thousand with chains at the cap
// go over it; real chains have 2 to 8 KB. The tests hold the first three to 64 MB and
// those two to 96 MB; the race detector makes stacks larger, so under it they allow
// half as much again. Of a merchant that lets a deadline pass, the attempt ends within
// 36 ms of it, under the race detector too (go test -race -v -run
// TestHostileMerchants/silences).
//
// # Decisions
//
//   - Headers are capped at 16 KB and 128 lines, bodies at 16 KB, the server's part
//     of a handshake at 16 KB. With 64 KB each, a thousand bodies alone took 120 MB.
//     Lines have a cap because Go keeps more than 100 bytes for a header of five;
//     they are counted on the wire, since an endpoint that stops before the end of
//     its headers is never seen by anything above. Go takes 256 KB of certificates.
//     Rejected: one budget for all large answers, which hostile ones would hold while
//     honest ones wait; fewer handshakes at once, for the same reason.
//   - Buffers of a connection have 2 KB each way, and a handshake has no goroutine
//     that waits for its context: 4 and 3 KB for each connection.
//   - Bytes that come unasked end the connection before Go's transport sees them: it
//     would print them to the program's log. What follows an answer in the same
//     packet it still prints.
//   - Connected tells whether a connection to the endpoint was there; a handshake that
//     fails is after it. Over plain http through a proxy only an answer tells.
//   - Ours are shortages of this machine (descriptors, buffers, memory, local ports,
//     an interface that is down) and failures of the proxy: nothing was sent, so no
//     rung is spent. Whatever an endpoint can bring about must not be among them, or
//     it could stop us. So not ours: networks and hosts that are unreachable; "cannot
//     assign requested address" over IPv6, which every AAAA record gives on a machine
//     without IPv6; what comes through a tunnel; a 407 over plain http without
//     Proxy-Authenticate, a header that proxies do not pass on.
//   - Go's resolver reports the error of its own socket as a text alone, so that text
//     is looked at: it ends in the system's words.
//   - Through a proxy, the guard judges the proxy's address and targets that are
//     addresses; what is neither an address nor a name of DNS (0x7f.1, 127.1) is no
//     such host, because a proxy may read it as an address, and so is a name outside of
//     ASCII over plain http, whose spelling we do not see. Ports and schemes of names
//     are not judged either: only the proxy knows whether a name is public. It must
//     classify. Rejected: looking names up ourselves, which many networks with a proxy
//     cannot, and which proves nothing.
//   - CONNECT is written here, not by Go's transport: it gives one error for all that
//     can go wrong, and we must tell the proxy's faults (ours: it is away, breaks off, or
//     answers 407), 403 (blocked) and other errors (the endpoint is unreachable: a host
//     name can bring most of them about) apart. A proxy that cannot be reached by
//     the deadline is ours; one that took CONNECT and is silent is a timeout, since it
//     may be waiting for the endpoint.
//   - An endpoint with certificates of its own has a transport of its own, so that no
//     connection is shared with others. Its rows with a URL of their own use it too.
//     Its client certificate is sent to whoever asks, whatever authorities the server
//     names, since servers often name none that fit.
//   - Certificate files are looked at (time and size) at a handshake, once a second at
//     most, and the last good ones stay in use while they cannot be read: renewals
//     write two files one after the other. Connections that are open keep what they
//     began with. There is no option to verify less.
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
//     keep twice as many, and at least 512: 21 KB each over plain http, so 11 MB.
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
//   - An answer that must be signed and is not proven is answered, whatever it says: it
//     neither acknowledges nor rejects, and hooks do not get it, for they act on what they
//     read. Its excerpt is in the history. Rules see what is proven alone.
//   - A scheme that verifies has no fallback: an endpoint without a key for its answers is
//     parked, as one without a secret.
//   - A batch is one attempt of each notification in it, with one deadline. Requests of a
//     list are made one after the other, so that the worker has one call and one slot.
//     Rejected: at once, which would take more of the endpoint than its limits say.
//   - A batch of one is an array too, and so is a probe of an endpoint that has batches: no
//     receiver needs two parsers. Formats that have no array go alone, and questions,
//     since one answer of a channel is about one trade.
//   - An answer counts one by one only if it is an array with exactly as many elements.
//     Anything else is everybody's: an array that is too short or long tells nothing of
//     which is which. Whoever answers the status 200 to a policy that looks at nothing
//     else acknowledges all.
//   - A body that is JSON stands in a batch as JSON, compact and with its numbers as they
//     were written; anything else as a text, so that no body spoils its neighbours.
//   - A batch of several is signed with an id of its own, made of those of its notifications and their
//     attempts. Rejected: the first one's. A receiver that tells messages apart by webhook-id
//     would take another batch that begins with it for one that it has had.
//   - A probe sends by the code that delivers, with one hook after the signing, so that
//     it finds what an attempt would meet. Rejected: a client of its own.
//   - Its forged requests have ids of their own: a merchant that knows an id may
//     acknowledge it without looking. The first id comes again at the end.
//   - A wrong signature differs from a good one in one bit, and one that is missing in
//     nothing else. Where a good request is not acknowledged, a refusal proves nothing
//     and is no pass. A connection that is dropped is no answer: a warning.
//   - An old request that is acknowledged fails under standard-webhooks, whose
//     specification asks for a tolerance. It is a warning under wechatpay-v3, whose SDKs
//     refuse it; the other schemes have no rule.
//   - A payment channel is sent no forged requests, and its probe does not fail for want of
//     an acknowledgement: it is asked about no trade.
//   - A probe takes no slot and no token of its endpoint's limits: it is a handful of
//     requests, and an operator asked for it.
//   - What is at fault on our side (a proxy, the address policy, a key) is not in the
//     report but beside it, for the report goes to the merchant. Answers that repeat
//     our headers or the URL's query are shown without them. Values of less than 6
//     bytes are not looked for: they are words of everyday answers.
package delivery
