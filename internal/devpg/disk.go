package devpg

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// diskScript mounts a small disk where nobody else sees it, stands in it, and
// takes orders until nobody holds the pipe that they come from.
const diskScript = `mount -t tmpfs -o "size=$1,mode=0700" none "$2" && cd "$2" || exit 1
echo done
while read -r order; do
	case $order in
	fill) cat /dev/zero >>ballast 2>/dev/null ;;
	free) rm -f ballast ;;
	esac
	echo done
done
`

// disk is a file system in the memory of a process that holds it.
type disk struct {
	holder  *exec.Cmd
	orders  *os.File // a pipe; the holder ends when nobody has it open
	answers *bufio.Reader
}

// mountDisk starts the holder. It makes a user namespace, because only there may
// an ordinary user mount; the disk dies with it and the last who uses it.
func (s *Server) mountDisk(size int64) (*disk, error) {
	point := filepath.Join(s.folder.path, "disk")
	if err := os.Mkdir(point, 0o700); err != nil {
		return nil, err
	}
	if err := s.account.own(point); err != nil {
		return nil, err
	}
	theirs, ours, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	defer func() { _ = theirs.Close() }()
	cmd := s.command("unshare", "--user", "--map-root-user", "--mount",
		"/bin/sh", "-c", diskScript, "orderbell-disk", strconv.FormatInt(size, 10), point)
	cmd.Stdin = theirs
	output, err := cmd.StdoutPipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make a pipe: %w", err), ours.Close())
	}
	cmd.Stderr = cmd.Stdout // so that what failed is the answer
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start unshare, which only Linux has: %w", err), ours.Close())
	}
	d := &disk{holder: cmd, orders: ours, answers: bufio.NewReader(output)}
	if err := d.answer(); err != nil {
		_ = d.orders.Close()
		rest, _ := io.ReadAll(d.answers) // why it failed, as far as it says
		d.unmount()
		return nil, fmt.Errorf("%w%s; may users make namespaces here (kernel.apparmor_restrict_unprivileged_userns)?", err, rest)
	}
	return d, nil
}

// path leads through the holder into its namespace: for PostgreSQL, which runs as
// the same user, and for us.
func (d *disk) path() string { return fmt.Sprintf("/proc/%d/cwd", d.holder.Process.Pid) }

func (d *disk) answer() error {
	if line, _ := d.answers.ReadString('\n'); line != "done\n" { // empty where it has ended
		return fmt.Errorf("its holder said %q", line)
	}
	return nil
}

func (d *disk) order(what string) error {
	if _, err := d.orders.WriteString(what + "\n"); err != nil {
		return err
	}
	return d.answer()
}

func (d *disk) unmount() {
	_ = d.orders.Close()
	_ = d.holder.Wait() // its end is all that counts
}

// FillDisk leaves no byte free on the server's small disk: the next insert that
// needs a page fails with 53100, and the next file of WAL with a crash, after which
// even connects may fail (XX000). Only for servers started with SmallDisk.
func (s *Server) FillDisk() error { return s.orderDisk("fill") }

// FreeDisk undoes FillDisk. Where postgres may have crashed meanwhile, follow it with
// Kill and Restart.
func (s *Server) FreeDisk() error { return s.orderDisk("free") }

func (s *Server) orderDisk(what string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopped:
		return fmt.Errorf("%s the disk: %w", what, errStopped)
	case s.disk == nil:
		return fmt.Errorf("%s the disk: the server has no small one", what)
	}
	if err := s.disk.order(what); err != nil {
		return fmt.Errorf("%s the disk: %w", what, err)
	}
	return nil
}

// smallDiskSettings keep WAL from filling the disk by itself: two files, the least.
func smallDiskSettings() map[string]string {
	return map[string]string{"min_wal_size": "32MB", "max_wal_size": "32MB"}
}
