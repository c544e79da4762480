package chaos

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"time"
)

// link is one connection through a proxy. The proxy's lock guards its fields but
// the two streams' reading and writing.
type link struct {
	proxy    *Proxy
	ctx      context.Context // ends when it is reset
	cancel   context.CancelFunc
	client   *net.TCPConn
	server   *net.TCPConn // nil until it is dialled
	halfOpen bool
	holed    [2]bool // by direction: something was thrown away
}

func newLink(p *Proxy, client *net.TCPConn) *link {
	l := &link{proxy: p, client: client}
	l.ctx, l.cancel = context.WithCancel(p.ctx)
	return l
}

// carry returns when both directions have ended.
func (l *link) carry(backend string) {
	defer l.forget()
	if err := l.dial(backend); err != nil {
		l.fail()
		return
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		l.pump(toClient, l.client, l.server)
	}()
	l.pump(toServer, l.server, l.client)
	<-ended
	_, _ = l.client.Close(), l.server.Close() // both ends have hung up, or it was reset
}

func (l *link) dial(backend string) error {
	dialer := net.Dialer{KeepAlive: -1}
	conn, err := dialer.DialContext(l.ctx, "tcp4", backend)
	if err != nil {
		return err
	}
	l.proxy.mu.Lock()
	defer l.proxy.mu.Unlock()
	l.server = conn.(*net.TCPConn)
	if l.halfOpen {
		l.proxy.check("half-open a connection", deafen(l.server))
	}
	return l.ctx.Err()
}

// pump passes on what from says until it hangs up. If either end breaks the
// connection, it breaks the other too.
func (l *link) pump(d direction, to, from *net.TCPConn) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && l.pass(d, func() error { _, err := to.Write(buffer[:n]); return err }) != nil {
			l.fail()
			return
		}
		switch {
		case errors.Is(err, io.EOF):
			if l.pass(d, to.CloseWrite) != nil {
				l.fail()
			}
			return
		case err != nil:
			l.fail()
			return
		}
	}
}

// pass writes as late as the faults say, or not at all.
func (l *link) pass(d direction, write func() error) error {
	if err := l.wait(); err != nil {
		return err
	}
	for {
		l.proxy.mu.Lock()
		stuck, lost, changed := l.halfOpen, l.proxy.dropping[d], l.proxy.changed
		if lost && !stuck {
			l.holed[d] = true
			l.proxy.lost++
		}
		l.proxy.mu.Unlock()
		switch {
		case !stuck && lost:
			return nil
		case !stuck:
			return write()
		}
		select {
		case <-changed:
		case <-l.ctx.Done():
			return l.ctx.Err()
		}
	}
}

func (l *link) wait() error {
	l.proxy.mu.Lock()
	delay := l.proxy.delay
	l.proxy.mu.Unlock()
	if delay <= 0 {
		return nil
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-l.ctx.Done():
		return l.ctx.Err()
	}
}

// both changes what the kernel hears from both ends. The caller holds the lock.
func (l *link) both(set func(syscall.Conn) error) error {
	if l.server == nil {
		return set(l.client)
	}
	return errors.Join(set(l.client), set(l.server))
}

// reset breaks both sides with a RST. The caller holds the lock.
func (l *link) reset() {
	l.cancel()
	for _, conn := range []*net.TCPConn{l.client, l.server} {
		if conn != nil {
			_ = conn.SetLinger(0) // a RST instead of an orderly end
			_ = conn.Close()
		}
	}
}

func (l *link) fail() {
	l.proxy.mu.Lock()
	defer l.proxy.mu.Unlock()
	l.reset()
}

func (l *link) forget() {
	l.cancel()
	l.proxy.mu.Lock()
	defer l.proxy.mu.Unlock()
	delete(l.proxy.links, l)
}
