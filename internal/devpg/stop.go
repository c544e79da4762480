package devpg

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"
)

// errStopped is returned for what a stopped server can't do any more.
var errStopped = errors.New("the server was stopped")

// patience is how long postgres may take to follow an immediate shutdown. It
// kills its own children after 5 s (SIGKILL_CHILDREN_AFTER_SECS in postmaster.c).
const patience = 10 * time.Second

// orderly is how long postgres may take to shut down. PostgreSQL 15 never does when
// it is asked to while it recovers from a crash of one of its processes.
const orderly = 10 * time.Second

// Stop breaks all connections, shuts postgres down, and removes the folder if
// Start made it. When the context ends before that is done, or 10 s have passed, the
// shutdown becomes an immediate one: nothing is left running in any case. Stopping twice is
// harmless.
func (s *Server) Stop(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return nil
	}
	s.stopped = true
	s.process.end(ctx, syscall.SIGINT)
	return s.discard()
}

// Kill ends postgres at once, as a crash would: nothing is flushed, and the next
// start recovers from the log. The folder stays, for Restart. It ends the
// processes by SIGQUIT, so that their shared memory is given back.
func (s *Server) Kill(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return fmt.Errorf("kill postgres: %w", errStopped)
	}
	s.process.end(ctx, syscall.SIGQUIT)
	return nil
}

// Restart shuts postgres down where it still runs, as Stop does, and starts it again on the
// same port, so that URLs stay true. It may fail and be called again. A standby that
// was not promoted stays one, and comes up without its primary too.
func (s *Server) Restart(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return fmt.Errorf("restart postgres: %w", errStopped)
	}
	s.process.end(ctx, syscall.SIGINT)
	return s.relaunch(ctx)
}

// discard gives back what Start made, once postgres has ended.
func (s *Server) discard() error {
	err := s.folder.remove()
	if s.watcher != nil {
		s.watcher.dismiss()
	}
	if s.disk != nil {
		s.disk.unmount()
	}
	if err != nil {
		return fmt.Errorf("remove folder %s: %w", s.folder.path, err)
	}
	return nil
}

// end asks with a signal, then with SIGQUIT when the context ends or that takes too
// long, then kills, and returns when the process has ended.
func (p *process) end(ctx context.Context, sig syscall.Signal) {
	p.asked.Store(true)
	p.signal(sig)
	ctx, cancel := context.WithTimeout(ctx, p.orderly)
	defer cancel()
	select {
	case <-p.exited:
		return
	case <-ctx.Done():
		p.signal(syscall.SIGQUIT)
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.exited:
	case <-timer.C:
		p.signal(syscall.SIGKILL)
		<-p.exited
	}
}
