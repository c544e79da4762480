package devpg

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestALostPortIsReplaced(t *testing.T) {
	t.Parallel()
	s := begun(t, nil)
	s.process.end(t.Context(), syscall.SIGINT)
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	lost := listener.Addr().(*net.TCPAddr).Port
	asked := 0
	loseOnce := func(ctx context.Context) (int, error) {
		if asked++; asked == 1 {
			return lost, nil
		}
		return freePort(ctx)
	}
	if err := s.launchOnFree(t.Context(), loseOnce); err != nil || asked != 2 || s.port == lost {
		t.Errorf("after %d ports it is on %d: %v", asked, s.port, err)
	}
	asked = 0
	s.process.end(t.Context(), syscall.SIGINT)
	loseAlways := func(context.Context) (int, error) { asked++; return lost, nil }
	if err := s.launchOnFree(t.Context(), loseAlways); !errors.Is(err, errPortTaken) || asked != portAttempts {
		t.Errorf("after %d ports: %v", asked, err)
	}
}

func TestALostWatcherIsOnlyAWarning(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s := begun(t, slog.New(slog.NewTextHandler(&log, nil)))
	if err := s.watcher.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.watcher.cmd.Process.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Error(err)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.String(), "a crash would leave the private PostgreSQL behind") {
		t.Errorf("it logged %s", log.String())
	}
}

func begun(t *testing.T, log *slog.Logger) *Server {
	t.Helper()
	s, err := Start(t.Context(), Options{Settings: map[string]string{"shared_buffers": "16MB"}, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return s
}
