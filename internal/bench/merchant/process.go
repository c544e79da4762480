package merchant

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// patience bounds every wait for the merchant.
const patience = 10 * time.Second

// Process is a merchant that runs. Its methods are for one goroutine at a time.
type Process struct {
	// URL is where it listens: http://127.0.0.1:PORT.
	URL string

	cmd     *exec.Cmd
	in      io.WriteCloser
	replies chan reply
	ended   chan struct{}
}

// Start starts a merchant, which the command line is one of. It ends by
// [Process.Stop], or when this process does.
func Start(ctx context.Context, command []string) (*Process, error) {
	cmd := exec.CommandContext(context.WithoutCancel(ctx), command[0], command[1:]...) //nolint:gosec // our own program
	// Not reached by the Ctrl-C that ends the bench: that stops it in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start the merchant: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start the merchant: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the merchant: %w", err)
	}
	p := &Process{cmd: cmd, in: in, replies: make(chan reply), ended: make(chan struct{})}
	go p.read(out)
	first, err := p.reply()
	if err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	p.URL = "http://" + first.Address
	return p, nil
}

// read passes replies on until the merchant ends.
func (p *Process) read(out io.Reader) {
	defer close(p.ended)
	defer func() { _ = p.cmd.Wait() }() // how it ended is nobody's concern
	defer close(p.replies)
	replies := json.NewDecoder(out)
	for {
		var r reply
		if err := replies.Decode(&r); err != nil {
			return
		}
		p.replies <- r
	}
}

func (p *Process) reply() (reply, error) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case r, ok := <-p.replies:
		if ok {
			return r, nil
		}
		return reply{}, errors.New("the merchant has ended")
	case <-timer.C:
		return reply{}, fmt.Errorf("the merchant does not answer within %s", patience)
	}
}

func (p *Process) ask(c command) (reply, error) {
	if err := json.NewEncoder(p.in).Encode(c); err != nil {
		return reply{}, fmt.Errorf("ask the merchant: %w", err)
	}
	r, err := p.reply()
	if err == nil && r.Error != "" {
		err = errors.New(r.Error)
	}
	return r, err
}

// Shut shuts the merchant's door, and returns its URL: http://127.0.0.1:PORT, always the
// same. Connections there are refused until [Process.Open].
func (p *Process) Shut() (url string, err error) {
	r, err := p.ask(command{Do: doShut})
	return "http://" + r.Address, err
}

// Open opens the door.
func (p *Process) Open() error {
	_, err := p.ask(command{Do: doOpen})
	return err
}

// Count returns what the merchant was sent since the last reset.
func (p *Process) Count() (Count, error) {
	r, err := p.ask(command{Do: doCount})
	return r.Count, err
}

// Noted returns the arrivals on paths that are noted, since it was last asked.
func (p *Process) Noted() ([]Arrival, error) {
	r, err := p.ask(command{Do: doNoted})
	return r.Arrivals, err
}

// Reset forgets what was counted and noted.
func (p *Process) Reset() error {
	_, err := p.ask(command{Do: doReset})
	return err
}

// Guard has the merchant kill a process when this one is gone.
func (p *Process) Guard(pid int) error {
	_, err := p.ask(command{Do: doGuard, PID: pid})
	return err
}

// Unguard takes that back: the process has been waited for.
func (p *Process) Unguard(pid int) error {
	_, err := p.ask(command{Do: doUnguard, PID: pid})
	return err
}

// Stop ends the merchant. Requests under way stay without an answer.
func (p *Process) Stop() error {
	err := p.in.Close()
	go func() {
		for range p.replies { // nobody wants them any more
			continue
		}
	}()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.ended:
		return nil
	case <-timer.C:
		_ = p.cmd.Process.Kill()
		<-p.ended
		return errors.Join(fmt.Errorf("the merchant did not end within %s, and was killed", patience), err)
	}
}
