package devpg

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"sync"
)

const superuser = "orderbell"

// Server is a private PostgreSQL. Its methods may be called from several
// goroutines.
type Server struct {
	programs programs
	account  account
	folder   folder
	home     string // where data lies: the folder, or the small disk in it
	disk     *disk  // nil where none was asked for
	watcher  *watcher
	password string
	log      *slog.Logger

	mu      sync.Mutex // guards what follows, and keeps starts and stops apart
	port    int
	process *process // nil when nothing was started
	stopped bool
}

// Start makes a cluster and returns when it takes connections, typically after
// a second or two, or longer where PostgreSQL must be fetched first. When it
// fails, nothing is left behind. The context bounds the start only.
func Start(ctx context.Context, opts Options) (*Server, error) {
	log := opts.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	account, err := chooseAccount()
	if err != nil {
		return nil, err
	}
	programs, err := locate(ctx, account, log)
	if err != nil {
		return nil, err
	}
	sweep(account, log)
	folder, err := makeFolder(opts.Dir, account)
	if err != nil {
		return nil, err
	}
	s := &Server{
		programs: programs, account: account, folder: folder, home: folder.path,
		password: rand.Text(), log: log,
	}
	if err := s.begin(ctx, opts); err != nil {
		return nil, errors.Join(err, s.discard())
	}
	return s, nil
}

func (s *Server) begin(ctx context.Context, opts Options) error {
	var err error
	if opts.SmallDisk > 0 {
		if s.disk, err = s.mountDisk(opts.SmallDisk); err != nil {
			return fmt.Errorf("mount a disk of %d bytes: %w", opts.SmallDisk, err)
		}
		s.home = s.disk.path()
	}
	if s.watcher, err = startWatcher(s.folder, s.data(), s.disk); err != nil {
		return err
	}
	if err := s.initdb(ctx); err != nil {
		return err
	}
	if err := configure(s.data(), opts); err != nil {
		return err
	}
	return s.launch(ctx, opts.Port)
}

// URL is how to connect to a database as superuser. It holds the password.
func (s *Server) URL(database string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(superuser, s.password),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// PID is the number of the postmaster's process, 0 when it doesn't run.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil || s.process.ended() {
		return 0
	}
	return s.process.pid()
}

// Lost is closed when the postmaster has ended and neither Stop, Kill nor Restart
// had asked it to. It is that of the postmaster which runs now: after a Restart
// ask again. What is left is for Stop to remove, or for Restart to start again.
func (s *Server) Lost() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.process.lost
}

// Dir is the server's folder.
func (s *Server) Dir() string { return s.folder.path }

// Version is the version of PostgreSQL, such as "15.18".
func (s *Server) Version() string { return s.programs.version }

func (s *Server) data() string { return filepath.Join(s.home, dataName) }

func (s *Server) logFile() string { return filepath.Join(s.folder.path, "postgres.log") }
