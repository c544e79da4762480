package devpg

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// initdb makes the cluster. The locale C is the only one that every machine has.
func (s *Server) initdb(ctx context.Context) error {
	secret := filepath.Join(s.folder.path, "password")
	if err := s.writeSecret(secret); err != nil {
		return fmt.Errorf("write the password: %w", err)
	}
	cmd := s.command("initdb", "--pgdata", s.data(), "--username", superuser, "--pwfile", secret,
		"--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions")
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start initdb: %w", err)
	}
	s.watch(cmd.Process.Pid)
	quit := context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })
	err := cmd.Wait()
	quit()
	s.watch(0)
	if ctx.Err() != nil {
		return fmt.Errorf("run initdb: %w", context.Cause(ctx))
	}
	if err != nil {
		return fmt.Errorf("run initdb of PostgreSQL %s: %w; its last lines:\n%s", s.programs.version, err, tail(output.Bytes()))
	}
	if err := os.Remove(secret); err != nil {
		return fmt.Errorf("remove the password's file: %w", err)
	}
	return nil
}

func (s *Server) writeSecret(path string) error {
	if err := os.WriteFile(path, []byte(s.password+"\n"), 0o600); err != nil {
		return err
	}
	return s.account.own(path)
}
