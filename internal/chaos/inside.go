package chaos

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// Descriptors is how many files and sockets the worker has open. Linux only: it
// fails the test elsewhere.
func (w *Worker) Descriptors() int64 {
	w.t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", w.PID()))
	if err != nil {
		w.t.Fatalf("count the descriptors of %s, which takes Linux: %v", w.name, err)
	}
	return int64(len(entries))
}

// Memory is the worker's resident memory, in bytes. With the race detector it is
// five to ten times what it is without: see [Raced].
func (w *Worker) Memory() int64 {
	w.t.Helper()
	out, err := exec.CommandContext(w.t.Context(), "ps", "-o", "rss=", "-p", strconv.Itoa(w.PID())).Output() //nolint:gosec // a number
	if err != nil {
		w.t.Fatalf("ask for the memory of %s: %v", w.name, err)
	}
	kilobytes, err := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
	if err != nil {
		w.t.Fatalf("read the memory of %s: %v", w.name, err)
	}
	return kilobytes << 10
}

// Goroutines ends the worker, with a dump of its goroutines, and counts them.
func (w *Worker) Goroutines() int64 {
	w.t.Helper()
	w.signal(syscall.SIGQUIT)
	w.wait()
	return int64(strings.Count("\n"+w.stderr.String(), "\ngoroutine "))
}
