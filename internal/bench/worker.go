package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// workerProcess is a process that works as users' do: configured by its environment,
// with everything else as shipped.
type workerProcess struct {
	cmd    *exec.Cmd
	stderr *tail
	ended  chan struct{}
	gentle time.Duration // what requests in flight may take to end when it stops
	guard  interface{ Unguard(pid int) error }
}

// usage is what a process has taken of the machine.
type usage struct {
	cpu  time.Duration // user and system
	peak float64       // of resident memory, in MB
}

// startWorker starts one on a database.
func (r *rig) startWorker(ctx context.Context, d *database, inFlight int) (*workerProcess, error) {
	cmd := exec.CommandContext(context.WithoutCancel(ctx), r.options.Program[0], append(r.options.Program[1:], "work")...) //nolint:gosec // our own program
	cmd.Env = append(withoutOrderbell(os.Environ()),
		"ORDERBELL_DATABASE_URL="+d.url,
		"ORDERBELL_NETWORK_ALLOW=127.0.0.0/8",
		"ORDERBELL_WORKER_CONCURRENCY="+strconv.Itoa(inFlight),
		"ORDERBELL_SECRETS_MASTER_KEY="+benchMasterKey,
	)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	w := &workerProcess{cmd: cmd, stderr: &tail{}, ended: make(chan struct{}), gentle: gentle, guard: r.merchant}
	cmd.Stderr = w.stderr
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a worker: %w", err)
	}
	go func() {
		defer close(w.ended)
		_ = cmd.Wait() // its state says how it ended
	}()
	if err := r.merchant.Guard(cmd.Process.Pid); err != nil {
		_, failed := w.stop()
		return nil, errors.Join(err, failed)
	}
	return w, nil
}

// withoutOrderbell leaves out what would configure the worker: the bench does.
func withoutOrderbell(environment []string) []string {
	var kept []string
	for _, entry := range environment {
		if !strings.HasPrefix(entry, "ORDERBELL_") {
			kept = append(kept, entry)
		}
	}
	return kept
}

const (
	// gentle is how long requests in flight may take to end when a worker is told
	// to stop, if nothing else is said; then it hands them back.
	gentle = time.Second
	// deadline is how long that may take.
	deadline = 15 * time.Second
)

// stop ends the worker, and says what it took. A worker that had ended by itself
// is an error, with its last words.
func (w *workerProcess) stop() (usage, error) {
	select {
	case <-w.ended:
		alone := fmt.Errorf("the worker has ended by itself: %s: %s", w.cmd.ProcessState, w.stderr)
		return usage{}, errors.Join(alone, w.guard.Unguard(w.cmd.Process.Pid))
	default:
	}
	peak := peakMemory(w.cmd.Process.Pid)
	for _, patience := range []time.Duration{w.gentle, deadline} {
		_ = w.cmd.Process.Signal(syscall.SIGTERM)
		if w.endsWithin(patience) {
			break
		}
	}
	var late error
	if !w.endsWithin(0) {
		_ = w.cmd.Process.Kill()
		<-w.ended
		late = fmt.Errorf("the worker did not end within %s, and was killed: %s", deadline, w.stderr)
	}
	state := w.cmd.ProcessState
	if peak == 0 {
		peak = mostResident(state)
	}
	return usage{cpu: state.UserTime() + state.SystemTime(), peak: peak}, errors.Join(late, w.guard.Unguard(w.cmd.Process.Pid))
}

// end stops the worker after what was done with it, which may have failed: then
// its last words say more.
func (w *workerProcess) end(failed error) (usage, error) {
	used, err := w.stop()
	if failed != nil && !errors.Is(failed, context.Canceled) {
		failed = fmt.Errorf("%w; the worker's last words: %s", failed, w.stderr)
	}
	return used, errors.Join(failed, err)
}

func (w *workerProcess) endsWithin(patience time.Duration) bool {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-w.ended:
		return true
	case <-timer.C:
		select {
		case <-w.ended:
			return true
		default:
			return false
		}
	}
}
