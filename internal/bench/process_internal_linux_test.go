package bench

import (
	"os"
	"os/exec"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	t.Parallel()
	line := "4711 (postgres: a) b) S 42 4711 4711 0 -1 4194560 1 2 3 4 150 50 700 300 20 0 1 0 100 1 1"
	got, ok := parseStat([]byte(line))
	want := stat{parent: 42, own: 2 * time.Second, waited: 10 * time.Second}
	if !ok || got != want {
		t.Errorf("%+v, %v; want %+v", got, ok, want)
	}
	for _, bad := range []string{"", "4711 postgres S 42", "4711 (x) S 42 1"} {
		if _, ok := parseStat([]byte(bad)); ok {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestOwnProcess(t *testing.T) {
	t.Parallel()
	if peak := peakMemory(os.Getpid()); peak < 1 || peak > 1e5 {
		t.Errorf("this process has had %v MB at its peak", peak)
	}
	if _, ok := cpuOf(os.Getpid()); !ok {
		t.Error("this process has no processor time")
	}
	if parents, ok := cpuOfTree(os.Getppid()); !ok || parents < 0 {
		t.Errorf("the parent's processor time: %v, %v", parents, ok)
	}
	if peakMemory(-1) != 0 {
		t.Error("nobody has memory")
	}
}

// The time of a child is there while it lives and when it was waited for.
func TestTreeKeepsItsTime(t *testing.T) {
	t.Parallel()
	shell := exec.Command("sh", "-c", "sh -c 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done'; read wait")
	in, err := shell.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { in.Close(); _ = shell.Wait() }()
	last := time.Duration(0)
	for end := time.Now().Add(30 * time.Second); ; {
		now, ok := cpuOfTree(shell.Process.Pid)
		if !ok || now < last {
			t.Fatalf("the time of the tree went from %s to %s, %v", last, now, ok)
		}
		last = now
		parent, _ := readStat(shell.Process.Pid)
		if parent.waited > 0 {
			return // the child has ended, and all the while nothing was lost
		}
		if time.Now().After(end) {
			t.Fatal("the child did not end")
		}
	}
}
