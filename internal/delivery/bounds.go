package delivery

import (
	"bytes"
	"errors"
	"net"
	"sync/atomic"
)

const (
	maxHeaderLines    = 128      // of one answer; of each informational one before it, too
	maxHandshakeBytes = 16 << 10 // that a server may send before TLS is up
)

var (
	errHeaderLines = errors.New("the answer has more than 128 header lines")
	errUnasked     = errors.New("the server spoke before it was asked")
	errHandshake   = errors.New("the server's part is over 16 KB")
)

// handshakeCap ends a TLS handshake in which the server sends too much: Go alone
// would hold a chain of certificates of 256 KB for each connection.
type handshakeCap struct {
	net.Conn
	left int
	done bool // set after the handshake, before anybody else reads
}

func (c *handshakeCap) Read(p []byte) (int, error) {
	if c.done {
		return c.Conn.Read(p)
	}
	if c.left == 0 {
		return 0, errHandshake
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

// wire is a connection to an endpoint or a plain http proxy. It ends an answer
// whose head has too many lines, before it is whole: Go caps a head's bytes alone,
// and a header of five bytes takes it over a hundred. It also ends what speaks when
// nothing was asked, since Go would write such bytes to the program's log.
type wire struct {
	net.Conn
	asked    atomic.Int32 // requests begun, counted by [wire.ask]
	answered atomic.Int32 // requests whose answer was whole

	// The rest belongs to the one goroutine that reads.
	reading int32  // the request whose answer is read
	within  bool   // in a head
	lines   int    // of this head, the status line included
	filled  bool   // the line so far has something in it
	status  []byte // the beginning of the status line
	failed  error  // stays: bufio forgets an error, and reads on
}

// onWire wraps a connection that was opened; nil stays nil.
func onWire(conn net.Conn) net.Conn {
	if conn == nil {
		return nil
	}
	return &wire{Conn: conn, status: make([]byte, 0, 32)}
}

// ask is called before a request is written, and returns its number.
func (c *wire) ask() int32 { return c.asked.Add(1) }

// rest is called after an answer was read to its end; the next request may have
// begun already.
func (c *wire) rest(request int32) { c.answered.Store(request) }

func (c *wire) Read(p []byte) (int, error) {
	if c.failed != nil {
		return 0, c.failed
	}
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.look(p[:n])
	}
	if c.failed != nil {
		return 0, c.failed
	}
	return n, err
}

// look judges what was read.
func (c *wire) look(p []byte) {
	switch asked := c.asked.Load(); {
	case asked == c.answered.Load():
		c.failed = errUnasked
		return
	case asked != c.reading:
		c.reading = asked
		c.begin()
	}
	if c.within && !c.count(p) {
		c.failed = errHeaderLines
	}
}

func (c *wire) begin() {
	c.within, c.lines, c.filled, c.status = true, 0, false, c.status[:0]
}

// count looks at what was read; false where it is too much.
func (c *wire) count(p []byte) bool {
	for c.within && len(p) > 0 {
		line, rest, whole := bytes.Cut(p, []byte{'\n'})
		p = rest
		if c.lines == 0 {
			c.status = append(c.status, line[:min(len(line), cap(c.status)-len(c.status))]...)
		}
		c.filled = c.filled || len(line) > 1 || len(line) == 1 && line[0] != '\r'
		if !whole {
			break
		}
		c.lines++
		if !c.filled {
			c.end()
		}
		c.filled = false
		if c.lines > maxHeaderLines {
			return false
		}
	}
	return true
}

// end is at the empty line after a head. Another head follows one that only
// informs, or whose status cannot be told.
func (c *wire) end() {
	_, status, _ := bytes.Cut(c.status, []byte{' '})
	status = bytes.TrimLeft(status, " ")
	final := len(status) >= 3 && (status[0] != '1' || bytes.HasPrefix(status, []byte("101")))
	c.begin()
	c.within = !final
}
