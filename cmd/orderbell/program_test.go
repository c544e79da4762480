package main_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/pgtest"
)

// patience is how long anything that a test waits for may take: a bound for what hangs.
const patience = 90 * time.Second

// environment is ours without any configuration of orderbell, and what is added.
func environment(added ...string) []string {
	// With -race a process would wait for a second before it ends.
	env := []string{"BE_ORDERBELL=1", "GORACE=atexit_sleep_ms=10"}
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "ORDERBELL_") || strings.HasPrefix(entry, "ORDERBELL_PG_BIN=") {
			env = append(env, entry)
		}
	}
	return append(env, added...)
}

// result is what a run of orderbell left behind.
type result struct {
	stdout, stderr string
	status         int
}

// run runs orderbell to its end.
func run(t testing.TB, env []string, args ...string) result {
	t.Helper()
	return finish(t, exec.Command(os.Args[0], args...), env)
}

func finish(t testing.TB, cmd *exec.Cmd, env []string) result {
	t.Helper()
	p := launch(t, cmd, env)
	status := p.wait()
	return result{p.stdout.String(), p.stderr.String(), status}
}

// process is an orderbell that runs.
type process struct {
	t              testing.TB
	cmd            *exec.Cmd
	stdout, stderr output
	ended          chan struct{}
}

// output may be read while it is written.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func start(t testing.TB, env []string, args ...string) *process {
	t.Helper()
	return launch(t, exec.Command(os.Args[0], args...), env)
}

func launch(t testing.TB, cmd *exec.Cmd, env []string) *process {
	t.Helper()
	p := &process{t: t, cmd: cmd, ended: make(chan struct{})}
	cmd.Env, cmd.Stdout, cmd.Stderr = environment(env...), &p.stdout, &p.stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		_ = cmd.Wait() // wait looks at the state
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-p.ended
		if t.Failed() {
			t.Logf("%s\nstdout: %s\nstderr: %s", strings.Join(cmd.Args, " "), p.stdout.String(), p.stderr.String())
		}
	})
	return p
}

// wait returns the exit status.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.t.Fatalf("%s did not end within %s", strings.Join(p.cmd.Args, " "), patience)
	}
	return p.cmd.ProcessState.ExitCode()
}

// says waits until standard error has a text.
func (p *process) says(text string) {
	p.t.Helper()
	pgtest.Eventually(p.t, patience, "the program to say "+text, func() error {
		if !strings.Contains(p.stderr.String(), text) {
			return errors.New("it has not")
		}
		return nil
	})
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// wants compares a run's status, and looks for texts on standard output and error.
func (r result) wants(t testing.TB, status int, stdout, stderr string) {
	t.Helper()
	if r.status != status {
		t.Errorf("status %d, want %d", r.status, status)
	}
	holds(t, "standard output", r.stdout, stdout)
	holds(t, "standard error", r.stderr, stderr)
	for _, noise := range []string{"SQLSTATE", "goroutine ", "panic", "Available Commands", "Flags:"} {
		if strings.Contains(r.stderr, noise) {
			t.Errorf("standard error has %q: %s", noise, r.stderr)
		}
	}
}

// holds: "" means that there is nothing at all.
func holds(t testing.TB, where, got, want string) {
	t.Helper()
	if (want == "" && got != "") || !strings.Contains(got, want) {
		t.Errorf("%s is %q, want %q in it", where, got, want)
	}
}

// oneLine is for errors: once, and no more than a line.
func (r result) oneLine(t testing.TB) {
	t.Helper()
	if strings.Count(r.stderr, "\n") != 1 || !strings.HasPrefix(r.stderr, "orderbell: ") {
		t.Errorf("standard error is no single line of orderbell: %q", r.stderr)
	}
}

func withTimeout(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}
