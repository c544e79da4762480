package merchant

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
)

// Commands.
const (
	doCount   = "count"
	doNoted   = "noted"
	doReset   = "reset"
	doGuard   = "guard"
	doUnguard = "unguard"
	doShut    = "shut"
	doOpen    = "open"
)

type command struct {
	Do  string `json:"do"`
	PID int    `json:"pid,omitempty"`
}

// reply answers a command; the first one, which nobody asks for, has the address, and
// those about the door have its.
type reply struct {
	Error    string    `json:"error,omitempty"`
	Address  string    `json:"address,omitempty"`
	Count    Count     `json:"count"`
	Arrivals []Arrival `json:"arrivals,omitempty"`
}

// Serve is the merchant: it listens on loopback, says where on out, and then does
// what in says, line by line, until in ends. Then it ends the workers that it was
// told to guard.
func Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("open the merchant: %w", err)
	}
	defer listener.Close()
	m := &merchant{guarded: map[int]bool{}}
	defer m.end()
	go accept(listener, func(conn net.Conn) { respond(conn, &m.log) })
	replies := json.NewEncoder(out)
	if err := replies.Encode(reply{Address: listener.Addr().String()}); err != nil {
		return fmt.Errorf("say where the merchant is: %w", err)
	}
	return m.obey(ctx, json.NewDecoder(in), replies)
}

type merchant struct {
	log     log
	door    door
	guarded map[int]bool // process numbers
}

// accept serves connections until the listener is closed.
func accept(listener net.Listener, serve func(net.Conn)) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go serve(conn)
	}
}

func (m *merchant) obey(ctx context.Context, commands *json.Decoder, replies *json.Encoder) error {
	for {
		var c command
		if err := commands.Decode(&c); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read a command: %w", err)
		}
		if err := replies.Encode(m.do(ctx, c)); err != nil {
			return fmt.Errorf("answer a command: %w", err)
		}
	}
}

func (m *merchant) do(ctx context.Context, c command) reply {
	switch c.Do {
	case doNoted:
		return reply{Arrivals: m.log.noted()}
	case doReset:
		m.log.reset()
	case doGuard:
		m.guarded[c.PID] = true
	case doUnguard:
		delete(m.guarded, c.PID)
	case doShut:
		return m.door.reply(m.door.shut(ctx))
	case doOpen:
		return m.door.reply(m.door.open(ctx, &m.log))
	}
	return reply{Count: m.log.count()}
}

// end ends what is left of the workers: there is some only where the bench was
// killed.
func (m *merchant) end() {
	for pid := range m.guarded {
		if process, err := os.FindProcess(pid); err == nil {
			_ = process.Signal(syscall.SIGKILL) // what they had is in a database that goes too
		}
	}
}
