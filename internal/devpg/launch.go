package devpg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

const (
	startLimit   = time.Minute
	portAttempts = 5
)

// errPortTaken means that somebody else listens on the port.
var errPortTaken = errors.New("the port is taken")

// errStillUsed means that processes of the postmaster before it still run.
var errStillUsed = errors.New("the memory of the postmaster before it is still in use")

// relaunch starts postgres on the port that it had. It tries again for a while: the
// processes of a postmaster that was killed notice it a moment later.
func (s *Server) relaunch(ctx context.Context) error {
	const pause = 100 * time.Millisecond
	for range patience / pause {
		err := s.launch(ctx, s.port)
		if !errors.Is(err, errStillUsed) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
	return s.launch(ctx, s.port)
}

// launch starts postgres on the port, or on a free one where it is 0.
func (s *Server) launch(ctx context.Context, port int) error {
	if port == 0 {
		return s.launchOnFree(ctx, freePort)
	}
	return s.launchOn(ctx, port)
}

// launchOnFree tries again where another process took the port before postgres
// could.
func (s *Server) launchOnFree(ctx context.Context, free func(context.Context) (int, error)) error {
	var lost error
	for range portAttempts {
		port, err := free(ctx)
		if err != nil {
			return fmt.Errorf("find a free port: %w", err)
		}
		if lost = s.launchOn(ctx, port); !errors.Is(lost, errPortTaken) {
			return lost
		}
	}
	return lost
}

func (s *Server) launchOn(ctx context.Context, port int) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startLimit, fmt.Errorf("it was not ready within %s", startLimit))
	defer cancel()
	p, err := s.spawn(port)
	if err != nil {
		return err
	}
	if err := s.await(ctx, p, port); err != nil {
		p.end(ctx, syscall.SIGQUIT)
		return fmt.Errorf("start postgres %s on port %d: %w", s.programs.version, port, err)
	}
	s.process, s.port = p, port
	return nil
}

// await returns when postgres takes connections.
func (s *Server) await(ctx context.Context, p *process, port int) error {
	return s.until(ctx, p, func() bool { return s.ready(p) && answers(ctx, port) })
}

// until looks every few milliseconds. It fails when the context or postgres ends
// first, with what postgres wrote last.
func (s *Server) until(ctx context.Context, p *process, holds func() bool) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w; its last lines:\n%s", context.Cause(ctx), tail(s.logSince(p)))
		case <-p.exited:
			return s.whyExited(p)
		case <-tick.C:
			if holds() {
				return nil
			}
		}
	}
}

// ready reads postmaster.pid: the first line is the process, the eighth the
// status (PostgreSQL's src/include/utils/pidfile.h). The status is padded. A hot
// standby is "ready" too.
func (s *Server) ready(p *process) bool {
	content, err := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
	if err != nil {
		return false
	}
	lines := bytes.Split(content, []byte("\n"))
	return len(lines) >= 8 &&
		string(bytes.TrimSpace(lines[0])) == strconv.Itoa(p.pid()) &&
		string(bytes.TrimSpace(lines[7])) == "ready"
}

func (s *Server) whyExited(p *process) error {
	log := s.logSince(p)
	err := errors.New("it exited")
	switch {
	case bytes.Contains(log, []byte("could not create any TCP/IP sockets")):
		err = errPortTaken
	case bytes.Contains(log, []byte("pre-existing shared memory block")):
		err = errStillUsed
	}
	return fmt.Errorf("%w; its last lines:\n%s", err, tail(log))
}

func answers(ctx context.Context, port int) bool {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	return conn.Close() == nil
}

func freePort(ctx context.Context) (int, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	port := listener.Addr().(*net.TCPAddr).Port
	return port, listener.Close()
}
