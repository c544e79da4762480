package devpg_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/devpg"
)

func start(t *testing.T, opts devpg.Options) *devpg.Server {
	t.Helper()
	if opts.Settings == nil {
		opts.Settings = small()
	}
	server, err := devpg.Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	stopAtEnd(t, server)
	return server
}

func stopAtEnd(t *testing.T, server *devpg.Server) {
	t.Helper()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := server.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
}

// taken is a port that somebody listens on.
func taken(t *testing.T) int {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().(*net.TCPAddr).Port
}

// shared is a folder that another user can enter too, unlike t.TempDir.
func shared(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "devpg-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// query runs the line that people are given.
func query(t *testing.T, server *devpg.Server, statement string) string {
	t.Helper()
	line := server.PsqlCommand("postgres")
	if line == "" {
		t.Skip("psql is missing")
	}
	output, err := psql(t, line, statement)
	if err != nil {
		t.Fatalf("%s: %v\n%s", line, err, output)
	}
	return output
}

func psql(t *testing.T, line, statement string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", line+` -w -X -At -c "$0"`, statement)
	output, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(output)), err
}

// running looks at the state too: a process that nobody reaped is over.
func running(t *testing.T, pid int) bool {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), "ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
	var none *exec.ExitError
	if err != nil && !errors.As(err, &none) {
		t.Fatalf("run ps: %v", err)
	}
	state := strings.TrimSpace(string(output))
	return state != "" && !strings.HasPrefix(state, "Z")
}

// mentioned tells whether a process has a text in its arguments.
func mentioned(t *testing.T, text string) bool {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), "ps", "-eo", "args=").Output()
	if err != nil {
		t.Fatalf("run ps: %v", err)
	}
	return strings.Contains(string(output), text)
}

func missing(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}
