package postgres_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
)

// pooler stands between a bell and its database, and spoils what passes, as
// poolers do. Without a fault it changes nothing.
type pooler struct {
	url   string
	fault atomic.Pointer[fault]

	mu    sync.Mutex
	open  []net.Conn
	ended bool
}

// fault is what a pooler does wrong.
type fault struct {
	deaf     bool   // notifications do not arrive
	old, new string // replaced in what the client sends; of one length
}

func newPooler(t testing.TB, database string) *pooler {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &pooler{}
	behind := u.Host
	u.Host = listener.Addr().String()
	p.url = u.String()
	var visits sync.WaitGroup
	visits.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", behind)
			if err != nil || !p.keep(client, server) {
				_ = client.Close()
				continue
			}
			visits.Go(func() { defer server.Close(); p.forth(server, client) })
			visits.Go(func() { defer client.Close(); p.back(client, server) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		p.mu.Lock()
		p.ended = true
		p.mu.Unlock()
		p.cut()
		visits.Wait()
	})
	return p
}

// set spoils everything from now on, and ends what was connected before.
func (p *pooler) set(f *fault) {
	p.fault.Store(f)
	p.cut()
}

func (p *pooler) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open = append(p.open, conns...)
	return !p.ended
}

func (p *pooler) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range p.open {
		_ = conn.Close()
	}
	p.open = nil
}

// forth passes on what the client sends; a statement of ours comes in one piece.
func (p *pooler) forth(server io.Writer, client io.Reader) {
	buffer := make([]byte, 1<<16)
	for {
		n, err := client.Read(buffer)
		piece := buffer[:n]
		if f := p.fault.Load(); f != nil && f.old != "" {
			piece = bytes.ReplaceAll(piece, []byte(f.old), []byte(f.new))
		}
		if _, failed := server.Write(piece); err != nil || failed != nil {
			return
		}
	}
}

// back passes on what the server says, message by message: a kind, a length, and
// the rest.
func (p *pooler) back(client io.Writer, server io.Reader) {
	for {
		head := make([]byte, 5)
		if _, err := io.ReadFull(server, head); err != nil {
			return
		}
		rest := make([]byte, binary.BigEndian.Uint32(head[1:])-4)
		if _, err := io.ReadFull(server, rest); err != nil {
			return
		}
		if f := p.fault.Load(); f != nil && f.deaf && head[0] == 'A' {
			continue
		}
		if _, err := client.Write(append(head, rest...)); err != nil {
			return
		}
	}
}
