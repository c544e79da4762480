package devpg_test

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/pgtest"
)

// owner is a process of its own that owns a server.
type owner struct {
	cmd    *exec.Cmd
	stdin  io.Closer
	stdout *bufio.Reader
}

func startOwner(t *testing.T, dir string, environment ...string) owner {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), ownerVariable+"="+dir), environment...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // as a shell does for a job
	stdin, errIn := cmd.StdinPipe()
	stdout, errOut := cmd.StdoutPipe()
	if err := errors.Join(errIn, errOut, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return owner{cmd: cmd, stdin: stdin, stdout: bufio.NewReader(stdout)}
}

// postgres waits until the server runs, and returns its process.
func (o owner) postgres(t *testing.T) int {
	t.Helper()
	line, err := o.stdout.ReadString('\n')
	if err != nil {
		t.Fatalf("the owner didn't start: %v", err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func (o owner) kill(t *testing.T) {
	t.Helper()
	if err := o.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = o.cmd.Wait() // it was killed
}

func TestKilledOwnerLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(shared(t), "pg")
	o := startOwner(t, dir)
	pid := o.postgres(t)
	if !running(t, pid) {
		t.Fatal("postgres doesn't run")
	}
	o.kill(t)
	nothingIsLeft(t, dir, pid)
}

func TestKilledOwnerLeavesNoDiskAndNoStandby(t *testing.T) {
	t.Parallel()
	base := shared(t)
	dir, beside := filepath.Join(base, "pg"), filepath.Join(base, "standby")
	o := startOwner(t, dir, richVariable+"="+beside)
	standby, pid := o.postgres(t), o.postgres(t)
	o.kill(t)
	nothingIsLeft(t, dir, pid)
	nothingIsLeft(t, beside, standby)
	pgtest.Eventually(t, 15*time.Second, "the disk and the watchers to go", func() error {
		if mentioned(t, base) {
			return errors.New("a process has one of the folders in its arguments")
		}
		return nil
	})
}

func TestOwnerKilledDuringInitdbLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(shared(t), "pg")
	o := startOwner(t, dir)
	untilInitdbRuns(t, dir)
	o.kill(t)
	nothingIsLeft(t, dir, 0)
}

func TestCtrlCReachesTheOwnerAlone(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(shared(t), "pg")
	o := startOwner(t, dir)
	pid := o.postgres(t)
	if err := syscall.Kill(-o.cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	// The owner ignores the signal. Had postgres or the watcher got it, the
	// orderly stop that follows would fail or not tidy up.
	if !running(t, pid) {
		t.Error("postgres got the signal too")
	}
	if err := o.stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if err := o.cmd.Wait(); err != nil {
		t.Errorf("the owner failed: %v", err)
	}
	nothingIsLeft(t, dir, pid)
}

func untilInitdbRuns(t *testing.T, dir string) {
	t.Helper()
	pgtest.Eventually(t, 10*time.Second, "initdb to begin", func() error {
		_, err := os.Stat(filepath.Join(dir, "data", "base"))
		return err
	})
}

func nothingIsLeft(t *testing.T, dir string, pid int) {
	t.Helper()
	pgtest.Eventually(t, 15*time.Second, "postgres and its folder to go", func() error {
		if pid != 0 && running(t, pid) {
			return errors.New("postgres runs")
		}
		if !missing(dir) {
			return errors.New("the folder is there")
		}
		return nil
	})
}
