package chaos

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// WorkerOptions say how a worker's process is started.
type WorkerOptions struct {
	// Name is worker.name, and what it is called in messages.
	Name string
	// URL of its database.
	URL string
	// Concurrency is how many requests are in flight at once; 0 is 32.
	Concurrency int
	// Env adds to its environment and overrides it: ORDERBELL_LOG_LEVEL=debug.
	Env []string
	// Args follow the command work.
	Args []string
	// Binary is the program; empty is the shipped one.
	Binary string
	// Shell is a script that ends with exec "$0" "$@", to set limits first:
	// ulimit -n 40; exec "$0" "$@". Empty: none.
	Shell string
}

// Worker is orderbell work in a process of its own.
type Worker struct {
	*process
	Name        string
	Concurrency int
}

// Line is one line of a worker's log.
type Line struct {
	Time    time.Time `json:"time"`
	Level   string    `json:"level"`
	Message string    `json:"msg"`
	// Text is the whole line.
	Text string `json:"-"`
}

// StartWorker starts a worker, which may still have to connect to its database
// when this returns: wait with Says("worker starts").
func StartWorker(t testing.TB, o WorkerOptions) *Worker {
	t.Helper()
	if o.Concurrency == 0 {
		o.Concurrency = 32
	}
	if o.Binary == "" {
		o.Binary = Binary(t)
	}
	command := append([]string{o.Binary, "work"}, o.Args...)
	if o.Shell != "" {
		command = append([]string{"/bin/sh", "-c", o.Shell}, command...)
	}
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...) //nolint:gosec // the program that was built
	cmd.Env = append(environment(
		"ORDERBELL_DATABASE_URL="+o.URL, "ORDERBELL_WORKER_NAME="+o.Name,
		"ORDERBELL_WORKER_CONCURRENCY="+strconv.Itoa(o.Concurrency),
		"ORDERBELL_NETWORK_ALLOW=127.0.0.0/8", "ORDERBELL_LOG_FORMAT=json",
	), o.Env...)
	return &Worker{process: launch(t, "worker "+o.Name, cmd), Name: o.Name, Concurrency: o.Concurrency}
}

// PID is the number of its process.
func (w *Worker) PID() int { return w.cmd.Process.Pid }

// Ended is closed when the process has ended.
func (w *Worker) Ended() <-chan struct{} { return w.ended }

// Living tells whether the process runs; one that is frozen does.
func (w *Worker) Living() bool {
	select {
	case <-w.ended:
		return false
	default:
		return true
	}
}

// Kill ends the process with SIGKILL, and returns when it is gone. To have the
// checker know, use [House.Kill].
func (w *Worker) Kill() { w.t.Helper(); w.kill() }

// Stop asks the worker to stop and returns its exit status.
func (w *Worker) Stop() int { w.t.Helper(); w.Terminate(); return w.wait() }

// Terminate sends SIGTERM, the first or a further one.
func (w *Worker) Terminate() { w.t.Helper(); w.signal(syscall.SIGTERM) }

// Wait returns the exit status, -1 after a signal, when the process has ended.
func (w *Worker) Wait() int { w.t.Helper(); return w.wait() }

// Freeze stops the process from running, as a paused virtual machine would be.
func (w *Worker) Freeze() { w.t.Helper(); w.signal(syscall.SIGSTOP) }

// Thaw lets it run again.
func (w *Worker) Thaw() { w.t.Helper(); w.signal(syscall.SIGCONT) }

// Says waits until the worker's log has a text.
func (w *Worker) Says(text string) { w.t.Helper(); w.says(text) }

// Log is all that it has written to standard error.
func (w *Worker) Log() string { return w.stderr.String() }

// Lines are the lines of its log; what is no JSON, as a panic's trace is not, is left out.
func (w *Worker) Lines() []Line {
	var lines []Line
	for text := range strings.Lines(w.stderr.String()) {
		line := Line{Text: strings.TrimSpace(text)}
		if json.Unmarshal([]byte(text), &line) == nil {
			lines = append(lines, line)
		}
	}
	return lines
}

// BusiestSecond is the most lines with a text that it has logged within any one
// second; "" counts every line.
func (w *Worker) BusiestSecond(text string) int {
	lines := slices.DeleteFunc(w.Lines(), func(l Line) bool { return !strings.Contains(l.Text, text) })
	most, first := 0, 0
	for last := range lines {
		for lines[last].Time.Sub(lines[first].Time) >= time.Second {
			first++
		}
		most = max(most, last-first+1)
	}
	return most
}
