package chaos

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// watchScript kills the processes that it was told of, and removes the folder,
// when its standard input ends, which is when the run of the tests does.
const watchScript = `trap '' HUP INT TERM QUIT
alive=
while read -r sign pid; do
	case $sign in
	+) alive="$alive $pid" ;;
	-) rest=
		for other in $alive; do [ "$other" = "$pid" ] || rest="$rest $other"; done
		alive=$rest ;;
	esac
done
for pid in $alive; do kill -KILL "$pid"; done
rm -rf "$1"
`

// watcher is the shell that tidies up after the run of the tests, however that
// ends: also a worker that a test has frozen must not outlive it.
type watcher struct {
	folder string
	pipe   io.Writer
}

// startWatcher makes the run's folder too.
func startWatcher() (*watcher, error) {
	folder, err := os.MkdirTemp("", "orderbell-chaos-")
	if err != nil {
		return nil, fmt.Errorf("make the run's folder: %w", err)
	}
	cmd := exec.Command("/bin/sh", "-c", watchScript, "orderbell-chaos-watch", folder) //nolint:gosec,noctx // ours, and it must outlive every context
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // not reached by the terminal's Ctrl-C
	pipe, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the watcher: %w", err), os.RemoveAll(folder))
	}
	return &watcher{folder: folder, pipe: pipe}, nil
}

// began and ended tell it of a process. What it cannot be told is of no matter
// unless the run is killed, too.
func (w *watcher) began(pid int) { _, _ = fmt.Fprintln(w.pipe, "+", pid) }
func (w *watcher) ended(pid int) { _, _ = fmt.Fprintln(w.pipe, "-", pid) }

// watching returns the run's watcher. The caller holds the lock of run.
func watching() (*watcher, error) {
	if run.watcher == nil && run.failed == nil {
		run.watcher, run.failed = startWatcher()
	}
	return run.watcher, run.failed
}
