package devpg

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// Promote makes a standby a primary, and returns when it takes writes. What the
// old primary had not sent to it is lost; that one must be dead or stopped, since
// nothing here keeps it from taking writes too.
func (s *Server) Promote(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return fmt.Errorf("promote the standby: %w", errStopped)
	}
	if _, err := os.Stat(filepath.Join(s.data(), standbySignal)); err != nil {
		return fmt.Errorf("promote a server that is no standby: %w", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, startLimit, fmt.Errorf("it took no writes within %s", startLimit))
	defer cancel()
	// As pg_ctl does, but whole before it has its name: any other signal makes the server
	// look, and take it away.
	asked := filepath.Join(s.data(), "promote")
	if err := s.writeFile(asked+".new", ""); err != nil {
		return fmt.Errorf("ask for the promotion: %w", err)
	}
	if err := os.Rename(asked+".new", asked); err != nil {
		return fmt.Errorf("ask for the promotion: %w", err)
	}
	s.process.signal(syscall.SIGUSR1)
	if err := s.until(ctx, s.process, s.inProduction); err != nil {
		return fmt.Errorf("promote the standby: %w", err)
	}
	return nil
}

// inProduction reads the state in pg_control, which postgres sets in the moment
// when it takes writes. It follows eight bytes of identifier and two versions
// (PostgreSQL's src/include/catalog/pg_control.h, the same in 14 to 18).
func (s *Server) inProduction() bool {
	const offset, inProduction = 16, 6
	file, err := os.Open(filepath.Join(s.data(), "global", "pg_control"))
	if err != nil {
		return false
	}
	defer func() { _ = file.Close() }()
	var state [4]byte
	if _, err := file.ReadAt(state[:], offset); err != nil && !errors.Is(err, io.EOF) {
		return false
	}
	return binary.NativeEndian.Uint32(state[:]) == inProduction
}
