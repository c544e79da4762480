package devpg_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/devpg"
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

func isLost(server *devpg.Server) bool {
	select {
	case <-server.Lost():
		return true
	default:
		return false
	}
}
