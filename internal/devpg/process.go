package devpg

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// process is one run of the postmaster.
type process struct {
	cmd     *exec.Cmd
	asked   atomic.Bool   // by us, to end
	orderly time.Duration // that it may take to end so
	lost    chan struct{} // closed when it has ended and was not asked to
	exited  chan struct{} // closed when it has been waited for
	logged  int64         // size of the log file when it started
}

// spawn starts postgres and has it watched. The caller holds the lock.
func (s *Server) spawn(port int) (*process, error) {
	log, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log of postgres: %w", err)
	}
	defer func() { _ = log.Close() }() // the child has its own
	info, err := log.Stat()
	if err != nil {
		return nil, fmt.Errorf("read the log of postgres: %w", err)
	}
	cmd := s.program("postgres", "-D", s.data(), "-p", strconv.Itoa(port))
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start postgres: %w", err)
	}
	p := &process{
		cmd: cmd, orderly: orderly, lost: make(chan struct{}), exited: make(chan struct{}), logged: info.Size(),
	}
	s.watch(p.pid())
	go func() {
		_ = cmd.Wait() // why it ended is in its log
		s.watch(0)
		if !p.asked.Load() {
			close(p.lost)
		}
		close(p.exited)
	}()
	return p, nil
}

// program is one of PostgreSQL's.
func (s *Server) program(name string, args ...string) *exec.Cmd {
	return s.command(filepath.Join(s.programs.dir, name), args...)
}

// command runs as PostgreSQL's user, and in its own folder, because its user may
// not enter ours.
func (s *Server) command(path string, args ...string) *exec.Cmd {
	cmd := exec.Command(path, args...)
	cmd.Dir = s.folder.path
	cmd.Env = environment()
	cmd.SysProcAttr = s.account.attributes()
	return cmd
}

// watch goes on without the watcher where that has died: only a crash of ours
// would need it.
func (s *Server) watch(pid int) {
	if err := s.watcher.watch(pid); err != nil {
		s.log.Warn("a crash would leave the private PostgreSQL behind", "error", err)
	}
}

// environment is ours without what PostgreSQL would take as settings, and with
// messages in English, which we read.
func environment() []string {
	var env []string
	for _, entry := range os.Environ() {
		if strings.HasPrefix(entry, "PG") || strings.HasPrefix(entry, "LC_") || strings.HasPrefix(entry, "LANG") {
			continue
		}
		env = append(env, entry)
	}
	return append(env, "LC_ALL=C", "TZ=UTC")
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) ended() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// signal is harmless after the end: os.Process knows that it was waited for.
func (p *process) signal(sig syscall.Signal) { _ = p.cmd.Process.Signal(sig) }
