package merchant

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"sync"
)

// door is a second address, at which the merchant is there or not. Its port stays
// the same.
type door struct {
	address  string // empty until it was used
	listener net.Listener

	mu    sync.Mutex
	conns map[net.Conn]bool // those that came in; nil while it is shut
}

// open lets connections in.
func (d *door) open(ctx context.Context, log *log) error {
	if d.listener != nil {
		return nil
	}
	if err := d.listen(ctx); err != nil {
		return err
	}
	d.mu.Lock()
	d.conns = map[net.Conn]bool{}
	d.mu.Unlock()
	go accept(d.listener, func(conn net.Conn) {
		if d.enter(conn) {
			respond(conn, log)
		}
		d.leave(conn)
	})
	return nil
}

// shut refuses connections, and closes those that are there. The first time it finds
// itself a port.
func (d *door) shut(ctx context.Context) error {
	if d.address == "" {
		if err := d.listen(ctx); err != nil {
			return err
		}
	}
	if d.listener != nil {
		_ = d.listener.Close()
		d.listener = nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for conn := range d.conns {
		_ = conn.Close()
	}
	d.conns = nil
	return nil
}

func (d *door) listen(ctx context.Context) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp4", cmp.Or(d.address, "127.0.0.1:0"))
	if err != nil {
		return fmt.Errorf("open the merchant's door: %w", err)
	}
	d.listener, d.address = listener, listener.Addr().String()
	return nil
}

// enter is false where the door was shut meanwhile.
func (d *door) enter(conn net.Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.conns == nil {
		return false
	}
	d.conns[conn] = true
	return true
}

func (d *door) leave(conn net.Conn) {
	_ = conn.Close()
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.conns, conn)
}

// reply says where the door is, or what went wrong with it.
func (d *door) reply(err error) reply {
	if err != nil {
		return reply{Error: err.Error()}
	}
	return reply{Address: d.address}
}
