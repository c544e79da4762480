package chaos

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"
)

// Proxy passes TCP connections on to a backend, and makes the faults of a network
// on the way. New ones have the faults that are on when they come. Half-open and
// silent are true faults of the kernel, which throws packets away before they are
// acknowledged, so that a client's TCP_USER_TIMEOUT and keepalive meet what they are
// for: Linux only, and without any privilege.
type Proxy struct {
	t       testing.TB
	address string
	ctx     context.Context // ends with the test
	running sync.WaitGroup

	mu       sync.Mutex // guards what follows
	backend  string
	listener *net.TCPListener // nil while connections are refused
	links    map[*link]struct{}
	delay    time.Duration
	dropping [2]bool // by direction
	lost     int     // pieces and ends of streams
	silent   bool
	changed  chan struct{} // closed, and made anew, when a link may go on
}

// direction is the way that bytes go.
type direction int

const (
	toClient direction = iota
	toServer
)

// NewProxy listens on a port of its own, for as long as the test runs, and passes
// what comes on to backend, a HOST:PORT. A backend that refuses makes it reset the
// client's connection.
func NewProxy(t testing.TB, backend string) *Proxy {
	t.Helper()
	address, release, err := reservePort()
	if err != nil {
		t.Fatalf("reserve a port for the proxy: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &Proxy{
		t: t, address: address, ctx: ctx, backend: backend,
		links: make(map[*link]struct{}), changed: make(chan struct{}),
	}
	t.Cleanup(func() {
		cancel()
		p.Refuse(true)
		p.Reset()
		p.running.Wait()
		release()
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.listen()
	return p
}

// listen begins to take connections. The caller holds the lock.
func (p *Proxy) listen() {
	p.t.Helper()
	// A probe of ours would tell a client that a half-open connection lives.
	config := net.ListenConfig{KeepAlive: -1}
	config.SetMultipathTCP(false) // whose sockets the kernel can't be told to drop for
	listener, err := config.Listen(p.ctx, "tcp4", p.address)
	if err != nil {
		p.t.Fatalf("listen as a proxy: %v", err)
	}
	l := listener.(*net.TCPListener)
	p.listener = l
	if p.silent {
		p.check("fall silent", deafen(l))
	}
	p.running.Go(func() { p.accept(l) })
}

func (p *Proxy) accept(listener *net.TCPListener) {
	for {
		conn, err := listener.AcceptTCP()
		if err != nil {
			p.check("accept a connection", err)
			return
		}
		// It is as deaf as the listener if silence began in this very moment.
		p.check("hear a connection", hear(conn))
		p.mu.Lock()
		l := newLink(p, conn)
		p.links[l] = struct{}{}
		backend := p.backend
		p.mu.Unlock()
		p.running.Go(func() { l.carry(backend) })
	}
}

// check fails the test. What was closed meanwhile needs no fault.
func (p *Proxy) check(what string, err error) {
	p.t.Helper()
	if err != nil && !errors.Is(err, net.ErrClosed) {
		p.t.Errorf("proxy: %s: %v", what, err)
	}
}

// Addr is the HOST:PORT that clients connect to. It never changes.
func (p *Proxy) Addr() string { return p.address }

// SetBackend sends new connections elsewhere, as a changed DNS entry does. Those
// that exist stay where they are.
func (p *Proxy) SetBackend(backend string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.backend = backend
}

// Connections is how many are open.
func (p *Proxy) Connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.links)
}

// Delay holds each piece of a stream, and its end, for d before it is passed on, in
// both directions. What comes meanwhile waits for it, and then for another d.
func (p *Proxy) Delay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

// DropToClient loses what the server says, and that it hangs up; connections stay
// open. To a program it is a partition in one direction; the kernels still
// acknowledge. TCP never loses bytes from the middle of a stream, so a connection
// that has lost some is reset when this is turned off.
func (p *Proxy) DropToClient(on bool) { p.drop(toClient, on) }

// DropToServer is DropToClient the other way.
func (p *Proxy) DropToServer(on bool) { p.drop(toServer, on) }

func (p *Proxy) drop(d direction, on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dropping[d] = on
	if on {
		return
	}
	for l := range p.links {
		if l.holed[d] {
			l.reset()
		}
	}
}

// Lost is how many pieces were dropped so far, an end of a stream counting as one.
func (p *Proxy) Lost() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lost
}

// HalfOpen makes the existing connections what they are after a host has vanished,
// for both ends: what an end sends is never acknowledged, and nothing comes. New
// ones work, unless Silent too. After Heal those go on whose ends are still there.
func (p *Proxy) HalfOpen() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.halfOpen = true
		p.check("half-open a connection", l.both(deafen))
	}
}

// Silent leaves new connects without any answer, as a host that is not there does.
// When it is turned off, they come through as the client's kernel tries again.
func (p *Proxy) Silent(on bool) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.setSilent(on)
}

func (p *Proxy) setSilent(on bool) {
	p.t.Helper()
	p.silent = on
	switch {
	case p.listener == nil:
	case on:
		p.check("fall silent", deafen(p.listener))
	default:
		p.check("end the silence", hear(p.listener))
	}
}

// Reset breaks the existing connections with a RST to both ends.
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.reset()
	}
}

// Refuse answers new connects with a RST at once, as a host does on which nobody
// listens. The port stays reserved. Existing connections stay.
func (p *Proxy) Refuse(on bool) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.setRefuse(on)
}

func (p *Proxy) setRefuse(on bool) {
	p.t.Helper()
	switch {
	case on && p.listener != nil:
		_ = p.listener.Close() // nothing is written to it
		p.listener = nil
	case !on && p.listener == nil:
		p.listen()
	}
}

// Heal ends all faults.
func (p *Proxy) Heal() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay, p.dropping = 0, [2]bool{}
	p.setSilent(false)
	p.setRefuse(false)
	for l := range p.links {
		switch {
		case l.holed[toClient], l.holed[toServer]:
			l.reset()
		case l.halfOpen:
			l.halfOpen = false
			p.check("heal a connection", l.both(hear))
		}
	}
	close(p.changed)
	p.changed = make(chan struct{})
}
