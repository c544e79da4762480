package chaos

import (
	"os/exec"
	"testing"
)

// Command is a command of the program, such as migrate up, in a process of its own.
type Command struct{ *process }

// StartCommand starts a command of the shipped program on a database.
func StartCommand(t testing.TB, url string, args ...string) *Command {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), Binary(t), args...) //nolint:gosec // the program that was built
	cmd.Env = environment("ORDERBELL_DATABASE_URL="+url, "ORDERBELL_LOG_FORMAT=json")
	return &Command{process: launch(t, "orderbell "+args[0], cmd)}
}

// Kill ends the process with SIGKILL, and returns when it is gone.
func (c *Command) Kill() { c.t.Helper(); c.kill() }

// Wait returns the exit status, -1 after a signal, when the process has ended.
func (c *Command) Wait() int { c.t.Helper(); return c.wait() }

// Log is all that it has written to standard error.
func (c *Command) Log() string { return c.stderr.String() }
