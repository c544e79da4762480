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
)

type command struct {
	Do  string `json:"do"`
	PID int    `json:"pid,omitempty"`
}

// reply answers a command; the first one, which nobody asks for, has the address.
type reply struct {
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
	go m.accept(listener)
	replies := json.NewEncoder(out)
	if err := replies.Encode(reply{Address: listener.Addr().String()}); err != nil {
		return fmt.Errorf("say where the merchant is: %w", err)
	}
	return m.obey(json.NewDecoder(in), replies)
}

type merchant struct {
	log     log
	guarded map[int]bool // process numbers
}

func (m *merchant) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go respond(conn, &m.log)
	}
}

func (m *merchant) obey(commands *json.Decoder, replies *json.Encoder) error {
	for {
		var c command
		if err := commands.Decode(&c); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read a command: %w", err)
		}
		if err := replies.Encode(m.do(c)); err != nil {
			return fmt.Errorf("answer a command: %w", err)
		}
	}
}

func (m *merchant) do(c command) reply {
	switch c.Do {
	case doNoted:
		return reply{Arrivals: m.log.noted()}
	case doReset:
		m.log.reset()
	case doGuard:
		m.guarded[c.PID] = true
	case doUnguard:
		delete(m.guarded, c.PID)
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
