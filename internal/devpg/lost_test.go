package devpg_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/devpg"
	"github.com/orderbell/orderbell/internal/pgtest"
)

func TestLost(t *testing.T) {
	t.Parallel()
	server := start(t, devpg.Options{})
	pid := server.PID()
	if isLost(server) {
		t.Fatal("it is lost while it runs")
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case <-server.Lost():
	case <-time.After(10 * time.Second):
		t.Fatal("nobody noticed")
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if isLost(server) {
		t.Error("it is lost after a restart")
	}
	// Somebody else's orderly end is a loss too.
	if err := syscall.Kill(server.PID(), syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	<-server.Lost()
	if err := server.Stop(t.Context()); err != nil {
		t.Errorf("stop what is lost: %v", err)
	}
	if !missing(server.Dir()) {
		t.Error("the folder is left")
	}
}

// What we ask for ourselves is no loss.
func TestNotLost(t *testing.T) {
	t.Parallel()
	server := start(t, devpg.Options{})
	first := server.Lost()
	if err := server.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time it runs
		if err := server.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	last := server.Lost()
	if err := server.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, lost := range []<-chan struct{}{first, last} {
		select {
		case <-lost:
			t.Error("it was called lost")
		default:
		}
	}
}

// The processes of a postmaster that was killed may stay for a while.
func TestRestartWaitsForTheProcessesOfTheLost(t *testing.T) {
	t.Parallel()
	server := start(t, devpg.Options{})
	conn := connect(t, server.URL("postgres"))
	var backend int
	if err := conn.QueryRow(t.Context(), "select pg_backend_pid()").Scan(&backend); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(backend, syscall.SIGCONT) }) // also where the test fails
	if err := errors.Join(syscall.Kill(backend, syscall.SIGSTOP), syscall.Kill(server.PID(), syscall.SIGKILL)); err != nil {
		t.Fatal(err)
	}
	<-server.Lost()
	restarted := make(chan error, 1)
	go func() { restarted <- server.Restart(t.Context()) }()
	log := filepath.Join(server.Dir(), "postgres.log")
	pgtest.Eventually(t, 20*time.Second, "postgres to be refused", func() error {
		content, err := os.ReadFile(log)
		if err == nil && !strings.Contains(string(content), "pre-existing shared memory block") {
			err = errors.New("it isn't yet")
		}
		return err
	})
	if err := syscall.Kill(backend, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if err := <-restarted; err != nil {
		t.Error(err)
	}
}

func isLost(server *devpg.Server) bool {
	select {
	case <-server.Lost():
		return true
	default:
		return false
	}
}
