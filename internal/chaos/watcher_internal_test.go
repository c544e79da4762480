package chaos

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/orderbell/orderbell/internal/pgtest"
)

// What a run that is killed leaves behind is ended, frozen or not; what has ended
// before is no longer ours to kill.
func TestTheWatcherTidiesUp(t *testing.T) {
	t.Parallel()
	w, err := startWatcher()
	if err != nil {
		t.Fatal(err)
	}
	frozen, forgotten := exec.Command("sleep", "600"), exec.Command("sleep", "600")
	for _, cmd := range []*exec.Cmd{frozen, forgotten} {
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		w.began(cmd.Process.Pid)
	}
	w.ended(forgotten.Process.Pid)
	if err := frozen.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}

	if err := w.pipe.(io.Closer).Close(); err != nil { // as when we die
		t.Fatal(err)
	}
	var ended *exec.ExitError
	if err := frozen.Wait(); !errors.As(err, &ended) {
		t.Errorf("the frozen process ended with %v", err)
	}
	pgtest.Eventually(t, patience, "the folder to go", func() error {
		if _, err := os.Stat(w.folder); !os.IsNotExist(err) {
			return errors.New("it is there")
		}
		return nil
	})
	if err := forgotten.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the other process is gone: %v", err)
	}
	if err := forgotten.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = forgotten.Wait() // it was killed
}
