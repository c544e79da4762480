package delivery_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// temper is how a hostile merchant treats a connection, byte by byte. It calls
// held once when nothing more is going to happen, or all is over; the connection
// is closed when it returns.
type temper func(conn net.Conn, held func())

// asked reads one request, body included, so that a close sends no reset.
func asked(conn net.Conn) bool {
	request, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, request.Body)
	return err == nil
}

// says answers a request with these bytes, and closes.
func says(text string) temper {
	return func(conn net.Conn, held func()) {
		defer held()
		if asked(conn) {
			write(conn, text)
		}
	}
}

// stalls answers a request with these bytes, and then says nothing more.
func stalls(text string) temper {
	return func(conn net.Conn, held func()) {
		if asked(conn) {
			write(conn, text)
		}
		held()
		untilClosed(conn)
	}
}

// drips sends the beginning, and then a byte now and again.
func drips(begin string) temper {
	return func(conn net.Conn, held func()) {
		asked(conn)
		write(conn, begin)
		held()
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for range tick.C {
			if _, err := conn.Write([]byte("x")); err != nil {
				return
			}
		}
	}
}

// floods sends the beginning, and then the same again and again, until the other
// side has had enough; 1 GB is where it gives up.
func floods(begin, again string) temper {
	return func(conn net.Conn, held func()) {
		defer held()
		asked(conn)
		write(conn, begin)
		many := strings.Repeat(again, max(1, 4096/len(again)))
		for sent := 0; sent < 1<<30; sent += len(many) {
			if _, err := io.WriteString(conn, many); err != nil {
				return
			}
		}
	}
}

// resets answers a request with these bytes, and resets the connection.
func resets(text string) temper {
	return func(conn net.Conn, held func()) {
		defer held()
		asked(conn)
		write(conn, text)
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
	}
}

func silent(conn net.Conn, held func()) {
	held()
	untilClosed(conn)
}

func closesAtOnce(_ net.Conn, held func()) { held() }

// deaf never reads: the request stays in the buffers of the two kernels.
func deaf(stop <-chan struct{}) temper {
	return func(_ net.Conn, held func()) {
		held()
		<-stop
	}
}

// speaksFirst sends before it is asked, and stalls.
func speaksFirst(text string) temper {
	return func(conn net.Conn, held func()) {
		write(conn, text)
		held()
		untilClosed(conn)
	}
}

// overTLS has a temper behind a handshake.
func overTLS(config *tls.Config, behind temper) temper {
	return func(conn net.Conn, held func()) {
		secured := tls.Server(conn, config)
		if err := secured.Handshake(); err != nil {
			held()
			return
		}
		behind(secured, held)
	}
}

// stallsWithin begins a handshake whose certificates are of a given size, and stops
// in the middle of them.
func stallsWithin(config *tls.Config, size int) temper {
	return func(conn net.Conn, held func()) {
		long := config.Clone()
		own := config.Certificates[0]
		for n := 0; n < 2*size; n += len(own.Certificate[0]) {
			own.Certificate = append(own.Certificate[:len(own.Certificate):len(own.Certificate)], config.Certificates[0].Certificate[0])
		}
		long.Certificates = []tls.Certificate{own}
		// TLS 1.2 sends the chain in the clear, and so in the same number of bytes.
		long.MaxVersion = tls.VersionTLS12
		_ = tls.Server(&stopsWriting{conn, size}, long).Handshake()
		held()
		untilClosed(conn)
	}
}

// stopsWriting lets so many bytes through, and fails then.
type stopsWriting struct {
	net.Conn
	left int
}

func (c *stopsWriting) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p[:min(len(p), c.left)])
	c.left -= n
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	return n, err
}

const ok = "HTTP/1.1 200 OK\r\n"

// headerLines are so many headers of different names, each as short as can be.
func headerLines(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%x:\r\n", i)
	}
	return b.String()
}

// bomb is gzip of a hundred megabytes of nothing.
func bomb() string {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	_, _ = io.CopyN(z, zeros{}, 10<<20)
	_ = z.Close()
	return ok + fmt.Sprintf("Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n", b.Len()) + b.String()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
