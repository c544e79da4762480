package chaos

import (
	"bytes"
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

// patience bounds everything that is waited for: a hang fails, and nothing else is
// told by it.
const patience = time.Minute

// process is a program that runs for a test, and no longer.
type process struct {
	t      testing.TB
	name   string
	cmd    *exec.Cmd
	stderr output
	ended  chan struct{}
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

// environment is ours without any configuration of Orderbell, and what is added.
func environment(added ...string) []string {
	// With the race detector a process would wait for a second before it ends.
	env := []string{"GORACE=atexit_sleep_ms=10", "GOTRACEBACK=all"}
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "ORDERBELL_") || strings.HasPrefix(entry, "ORDERBELL_PG_BIN=") {
			env = append(env, entry)
		}
	}
	return append(env, added...)
}

// launch starts a program, and sees to it that it ends: with the test, or with the
// run if that is killed.
func launch(t testing.TB, name string, cmd *exec.Cmd) *process {
	t.Helper()
	run.mu.Lock()
	watcher, err := watching()
	run.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, name: name, cmd: cmd, ended: make(chan struct{})}
	cmd.Stderr = &p.stderr
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	watcher.began(cmd.Process.Pid)
	go func() {
		defer close(p.ended)
		_ = cmd.Wait() // how it ended, wait tells
		watcher.ended(cmd.Process.Pid)
	}()
	t.Cleanup(p.tidyUp)
	return p
}

func (p *process) tidyUp() {
	p.kill()
	said := p.stderr.String()
	if strings.Contains(said, "DATA RACE") {
		p.t.Errorf("%s has a data race", p.name)
	}
	if p.t.Failed() {
		const most = 8 << 10
		p.t.Logf("%s said at the end:\n%s", p.name, said[max(0, len(said)-most):])
	}
}

// signal is harmless after the end.
func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("send %s to %s: %v", s, p.name, err)
	}
}

// kill returns when the process is gone; it also ends one that is frozen.
func (p *process) kill() {
	p.t.Helper()
	p.signal(syscall.SIGKILL)
	<-p.ended
}

// wait returns the exit status, -1 after a signal.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.t.Fatalf("%s did not end within %s", p.name, patience)
	}
	return p.cmd.ProcessState.ExitCode()
}

// says waits until the process has written a text to standard error.
func (p *process) says(text string) {
	p.t.Helper()
	pgtest.Eventually(p.t, patience, p.name+" to say "+text, func() error {
		if strings.Contains(p.stderr.String(), text) {
			return nil
		}
		select {
		case <-p.ended:
			p.t.Fatalf("%s has ended and never said %q", p.name, text)
		default:
		}
		return errors.New("it has not")
	})
}
