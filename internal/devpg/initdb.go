package devpg

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// initdb makes the cluster. The locale C is the only one that every machine has.
func (s *Server) initdb(ctx context.Context) error {
	secret := filepath.Join(s.folder.path, "password")
	if err := s.writeFile(secret, s.password+"\n"); err != nil {
		return fmt.Errorf("write the password: %w", err)
	}
	err := s.run(ctx, s.program("initdb", "--pgdata", s.data(), "--username", superuser, "--pwfile", secret,
		"--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions"))
	if err != nil {
		return fmt.Errorf("make a cluster of PostgreSQL %s: %w", s.programs.version, err)
	}
	if err := os.Remove(secret); err != nil {
		return fmt.Errorf("remove the password's file: %w", err)
	}
	return nil
}

// run waits for a program that is watched meanwhile, as postgres is.
func (s *Server) run(ctx context.Context, cmd *exec.Cmd) error {
	name := filepath.Base(cmd.Path)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	s.watch(cmd.Process.Pid)
	quit := context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })
	err := cmd.Wait()
	quit()
	s.watch(0)
	if ctx.Err() != nil {
		return fmt.Errorf("run %s: %w", name, context.Cause(ctx))
	}
	if err != nil {
		return fmt.Errorf("run %s: %w; its last lines:\n%s", name, err, tail(output.Bytes()))
	}
	return nil
}

// writeFile writes a file of PostgreSQL's user.
func (s *Server) writeFile(path, content string) error {
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		return err
	}
	return s.account.own(path)
}
