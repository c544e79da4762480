package devpg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
)

// StandbyOptions say what kind of standby [Server.Standby] makes. The zero value
// makes an asynchronous one in a temporary folder, on a free port.
type StandbyOptions struct {
	// Dir and Port are as in Options.
	Dir  string
	Port int
	// Synchronous makes commits on the primary wait until the standby has them,
	// and for ever while it is away.
	Synchronous bool
}

// What a standby calls itself to its primary, as application_name.
const (
	asynchronousName = "asynchronous"
	synchronousName  = "synchronous" // and what synchronous_standby_names waits for
)

// standbySignal is the file that makes a cluster a standby (from version 12 on).
const standbySignal = "standby.signal"

// Standby makes a physical hot standby of s, and returns when it takes reads and
// streams from s. It is a Server of its own: stop it too. s is shut down, copied
// and started again on its port, so connections to it break. When that fails, no
// standby is left behind, and s runs again unless the error says why it doesn't.
func (s *Server) Standby(ctx context.Context, opts StandbyOptions) (*Server, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return nil, fmt.Errorf("make a standby: %w", errStopped)
	}
	if ctx.Err() != nil { // spare the primary
		return nil, fmt.Errorf("make a standby: %w", context.Cause(ctx))
	}
	folder, err := makeFolder(opts.Dir, s.account)
	if err != nil {
		return nil, err
	}
	standby := &Server{
		programs: s.programs, account: s.account, folder: folder, home: folder.path,
		password: s.password, log: s.log,
	}
	err = s.copyTo(ctx, standby, opts.Synchronous)
	if err == nil {
		err = s.follow(ctx, standby, opts)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make a standby: %w", err), standby.discard(), s.waitForNobody())
	}
	return standby, nil
}

// copyTo copies the cluster while nothing runs in it. It starts s again even when
// the context has ended: only the standby is given up then.
func (s *Server) copyTo(ctx context.Context, standby *Server, synchronous bool) error {
	var err error
	if standby.watcher, err = startWatcher(standby.folder, standby.data(), nil); err != nil {
		return err
	}
	s.process.end(ctx, syscall.SIGINT)
	// As PostgreSQL's user, so that the copy belongs to it too.
	copying := standby.run(ctx, standby.command("cp", "-Rp", s.data(), standby.data()))
	if copying == nil {
		copying = addSettings(s.data(), s.primarySettings(synchronous))
	}
	return errors.Join(copying, s.relaunch(context.WithoutCancel(ctx)))
}

func (s *Server) primarySettings(synchronous bool) map[string]string {
	settings := map[string]string{}
	if s.disk == nil {
		settings["wal_keep_size"] = "256MB" // for a standby that was away for a while
	}
	if synchronous {
		settings["synchronous_standby_names"] = synchronousName
		settings["synchronous_commit"] = "on"
	}
	return settings
}

// follow starts the copy as a standby of s.
func (s *Server) follow(ctx context.Context, standby *Server, opts StandbyOptions) error {
	if err := addSettings(standby.data(), s.standbySettings(opts.Synchronous)); err != nil {
		return err
	}
	if err := standby.writeFile(filepath.Join(standby.data(), standbySignal), ""); err != nil {
		return fmt.Errorf("write %s: %w", standbySignal, err)
	}
	if err := standby.launch(ctx, opts.Port); err != nil {
		return err
	}
	if err := standby.awaitStream(ctx); err != nil {
		standby.process.end(ctx, syscall.SIGQUIT)
		return fmt.Errorf("await the stream from the primary: %w", err)
	}
	return nil
}

func (s *Server) standbySettings(synchronous bool) map[string]string {
	settings := map[string]string{
		"hot_standby":                 "on",
		"wal_retrieve_retry_interval": "100ms", // soon back after a restart of the primary
		"synchronous_standby_names":   "",      // which the primary may have had
	}
	name := asynchronousName
	if synchronous {
		name = synchronousName
		settings["synchronous_commit"] = "on" // once it is promoted
	}
	settings["primary_conninfo"] = fmt.Sprintf("host=127.0.0.1 port=%d user=%s password=%s application_name=%s sslmode=disable",
		s.port, superuser, s.password, name)
	return settings
}

// waitForNobody lets commits go that wait for a standby which didn't come to be.
func (s *Server) waitForNobody() error {
	err := addSettings(s.data(), map[string]string{"synchronous_standby_names": ""})
	s.process.signal(syscall.SIGHUP)
	return err
}

// awaitStream reads the log, which needs no driver, unlike pg_stat_replication.
func (s *Server) awaitStream(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startLimit, fmt.Errorf("none came within %s", startLimit))
	defer cancel()
	p := s.process
	return s.until(ctx, p, func() bool {
		return bytes.Contains(s.logSince(p), []byte("started streaming WAL from primary"))
	})
}
