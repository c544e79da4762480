package devpg

import (
	"errors"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// What follows no orderly shutdown is told to end at once, also by a caller whose
// context never ends.
func TestAHangingPostgresIsEnded(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("/bin/sh", "-c", "trap '' INT; trap 'exit 0' QUIT; echo; while :; do sleep 0.02; done")
	stdout, err := cmd.StdoutPipe()
	if err := errors.Join(err, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	if _, err := stdout.Read(make([]byte, 1)); err != nil { // the traps are set
		t.Fatal(err)
	}
	p := &process{cmd: cmd, orderly: 50 * time.Millisecond, exited: make(chan struct{})}
	go func() {
		defer close(p.exited)
		_ = cmd.Wait()
	}()
	go p.end(t.Context(), syscall.SIGINT)
	select {
	case <-p.exited:
	case <-time.After(3 * time.Second):
		_ = cmd.Process.Kill()
		<-p.exited
		t.Error("nobody ended it")
	}
}
