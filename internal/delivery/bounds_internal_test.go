package delivery

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
)

// pieces is a connection that hands out a text in pieces of a size.
type pieces struct {
	net.Conn
	text string
	size int
}

func (c *pieces) Read(p []byte) (int, error) {
	if c.text == "" {
		return 0, io.EOF
	}
	n := copy(p, c.text[:min(c.size, len(c.text))])
	c.text = c.text[n:]
	return n, nil
}

// However an answer is cut into pieces, its head's lines are counted, and its
// body's are not. An error stays, though who reads tries again.
func TestLinesOfAHead(t *testing.T) {
	t.Parallel()
	const body = "\r\n\n\r\nx\n"
	lines := func(n int) string { return strings.Repeat("a:\r\n", n) }
	for _, c := range []struct {
		name, text string
		error      error
	}{
		{"at the bound", "HTTP/1.1 200 OK\r\n" + lines(126) + "\r\n" + strings.Repeat(body, 100), nil},
		{"over it", "HTTP/1.1 200 OK\r\n" + lines(300) + "\r\n", errHeaderLines},
		{"after another head", "HTTP/1.1 103 E\r\n" + lines(100) + "\r\nHTTP/1.1 200 OK\r\n" + lines(100) + "\r\n" + strings.Repeat(body, 100), nil},
		{"over it after another head", "HTTP/1.1  100\r\n\r\nHTTP/1.1 200 OK\n" + lines(300), errHeaderLines},
		{"another protocol", "HTTP/1.1 101 S\r\n\r\n" + strings.Repeat(body, 100), nil},
		{"no status that can be told", "HTTP/1.1" + strings.Repeat(" ", 40) + "103\r\n\r\n" + lines(300), errHeaderLines},
	} {
		for size := 1; size < 40; size++ {
			w := &wire{Conn: &pieces{text: c.text, size: size}, status: make([]byte, 0, 32)}
			w.ask()
			got, err := io.ReadAll(w)
			if !errors.Is(err, c.error) || err == nil && string(got) != c.text {
				t.Fatalf("%s in pieces of %d: %d bytes, %v", c.name, size, len(got), err)
			}
			for range 10 {
				if n, err := w.Read(make([]byte, 100)); c.error != nil && (n != 0 || !errors.Is(err, c.error)) {
					t.Fatalf("%s in pieces of %d: read on: %d, %v", c.name, size, n, err)
				}
			}
		}
	}
}

func TestNothingIsReadUnasked(t *testing.T) {
	t.Parallel()
	w := &wire{Conn: &pieces{text: "HTTP/1.1 200 OK\r\n\r\n", size: 100}}
	w.rest(w.ask())
	for range 2 {
		if n, err := w.Read(make([]byte, 100)); n != 0 || !errors.Is(err, errUnasked) {
			t.Errorf("got %d bytes, %v", n, err)
		}
	}
}
