// Package merchant is the merchant of the bench: a process of its own on
// loopback that answers `success`, counts what it was sent, and notes when.
// [Serve] is that process; [Start] starts one and speaks to it.
//
// # What it answers
//
//	/d/DELAY   after that time, such as 0s or 50ms
//	/r/DELAY   the same, and notes the notification's id and its arrival
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
//   - It also guards the workers that the bench has started: when its parent is
//     gone, it ends them. Rejected: Pdeathsig, which only Linux has and which
//     fires when a thread ends.
package merchant
