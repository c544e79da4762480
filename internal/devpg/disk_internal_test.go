package devpg

import (
	"fmt"
	"os"
	"testing"
)

// Postgres needs its disk until it has ended in order, which the watcher waits for.
func TestTheWatcherHoldsTheDisk(t *testing.T) {
	t.Parallel()
	s := begunFolder(t)
	d, err := s.mountDisk(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	defer d.unmount()
	w, err := startWatcher(s.folder, s.data(), d)
	if err != nil {
		t.Fatal(err)
	}
	defer w.dismiss()
	const first = 3 // after standard input, output and error
	ours, errOurs := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", d.orders.Fd()))
	theirs, errTheirs := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", w.cmd.Process.Pid, first))
	if ours != theirs || errOurs != nil || errTheirs != nil {
		t.Errorf("the watcher holds %s (%v), want %s (%v)", theirs, errTheirs, ours, errOurs)
	}
}

func begunFolder(t *testing.T) *Server {
	t.Helper()
	a, err := chooseAccount()
	if err != nil {
		t.Fatal(err)
	}
	f, err := makeFolder("", a)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.remove() })
	return &Server{account: a, folder: f, home: f.path}
}
