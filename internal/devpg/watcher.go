package devpg

import (
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
)

// watchScript reads the number of the process to end, 0 for none, line by line.
// "leave" ends it; the end of the pipe means that the owner died. It asks for
// an immediate shutdown, waits up to 10 s and kills. postmaster.pid is looked
// at too, since a process that nobody reaps can be signalled for ever.
const watchScript = `trap '' HUP INT TERM QUIT
folder=$1 pidfile=$2 pid=0
while read -r line; do
	case $line in
	leave) exit 0 ;;
	*) pid=$line ;;
	esac
done
if [ "$pid" != 0 ]; then
	kill -QUIT "$pid"
	tries=0
	while [ "$tries" -lt 100 ] && [ -e "$pidfile" ] && kill -0 "$pid"; do
		sleep 0.1
		tries=$((tries + 1))
	done
	kill -KILL "$pid"
fi
[ -n "$folder" ] || exit 0
rm -rf "$folder" || { sleep 1; rm -rf "$folder"; }
`

// watcher is the shell that tidies up after us if we die.
type watcher struct {
	cmd  *exec.Cmd
	pipe io.WriteCloser
}

// startWatcher runs as ourselves, also where PostgreSQL doesn't: only we may
// remove the folder from the folder above it. It holds the disk, if there is one,
// so that this outlives postgres when we die.
func startWatcher(f folder, data string, d *disk) (*watcher, error) {
	removable := ""
	if f.made {
		removable = f.path
	}
	pidfile := filepath.Join(data, "postmaster.pid")
	cmd := exec.Command("/bin/sh", "-c", watchScript, "orderbell-watch", removable, pidfile)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if d != nil {
		cmd.ExtraFiles = append(cmd.ExtraFiles, d.orders)
	}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("make the watcher's pipe: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the watcher: %w", err)
	}
	return &watcher{cmd: cmd, pipe: pipe}, nil
}

// watch says which process to end if we die; 0 for none.
func (w *watcher) watch(pid int) error {
	if _, err := io.WriteString(w.pipe, strconv.Itoa(pid)+"\n"); err != nil {
		return fmt.Errorf("tell the watcher of process %d: %w", pid, err)
	}
	return nil
}

// dismiss ends it, whatever became of it before: its work is done.
func (w *watcher) dismiss() {
	_, _ = io.WriteString(w.pipe, "leave\n")
	_ = w.pipe.Close()
	_ = w.cmd.Wait()
}
