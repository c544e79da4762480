// Package merchant is the merchant of the bench: a process of its own on
// loopback that answers `success`, counts what it was sent, and notes when.
// [Serve] is that process; [Start] starts one and speaks to it.
//
// # What it answers
//
//	/d/DELAY   after that time, such as 0s or 50ms
//	/r/DELAY   the same, and notes the notification's id, its arrival and its answer
//	/h         never: it holds the connection until the other end gives up
//
// It answers at a second address too, its door, which can be shut: then connections
// there are refused, and those that were open are closed.
//
// # Decisions
//
//   - A small HTTP/1.1 server of our own on bufio: with the one of net/http the
//     bare loop reached 25,000 requests a second where it reaches 33,000 with this
//     one (2 cores, both ends and another program on them; 16 µs of CPU a request
//     instead of 9). Every measure shares its cores with the merchant, so that a
//     merchant that is costly makes everything else look alike. It speaks
//     plain HTTP/1.1 over real sockets, and refuses what a worker never sends.
//   - Commands and replies are lines of JSON on standard input and output: the
//     end of the input is the end of the merchant, so that it dies with its
//     parent, however that dies.
//   - What hangs costs a goroutine and a descriptor, and 4,096 at most do: a worker
//     that has more in flight than its slots allow must not take the machine along.
//   - While the door is shut nothing listens at its port, which is how a dead
//     process looks. Rejected: a listener that closes what it accepts, since that is a
//     reset and no refusal.
//   - It also guards the workers that the bench has started: when its parent is
//     gone, it ends them. Rejected: Pdeathsig, which only Linux has and which
//     fires when a thread ends.
package merchant
