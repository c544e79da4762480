package postgres

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// dialWithin bounds TCP's part of connecting. It is short, so that a host that is
	// silent does not keep a worker from the next one, nor from itself when it is back:
	// TCP would ask again only after 1, 3 and 7 seconds.
	dialWithin = 1500 * time.Millisecond
	// connectWithin bounds all of it, on a server that has much to do; with several hosts
	// connectWithinEach, because one may be up and its server frozen.
	connectWithin     = 5 * time.Second
	connectWithinEach = 2 * time.Second
	// silence is how long the other end's TCP may leave unanswered what was sent to
	// it. A statement may have been sent just before one connection was found dead, on
	// another that is dead as well: so it is half of what may pass until work goes on.
	silence = 3 * time.Second
	// shunned is how long one of several addresses that did not answer is passed over: a
	// worker has eight connections to make.
	shunned = 5 * time.Second
)

// keepAlive has TCP ask where nothing is sent. No statement is needed.
func keepAlive() net.KeepAliveConfig {
	return net.KeepAliveConfig{Enable: true, Idle: 2 * time.Second, Interval: time.Second, Count: 2}
}

// reach says how a server is reached: one that has vanished without a word is
// noticed within five seconds. A connect_timeout of the URL stays as it is.
func reach(config *pgx.ConnConfig, silent *silences) {
	several := len(places(config)) > 1
	switch {
	case config.ConnectTimeout != 0:
	case several:
		config.ConnectTimeout = connectWithinEach
	default:
		config.ConnectTimeout = connectWithin
	}
	dialer := &net.Dialer{Timeout: dialWithin, KeepAliveConfig: keepAlive(), Control: limitSilence}
	config.DialFunc = dialer.DialContext
	if several {
		config.DialFunc = silent.passOver(dialer.DialContext)
	}
}

// silences are addresses that did not answer, and when.
type silences struct {
	mu   sync.Mutex
	last map[string]time.Time
}

func newSilences() *silences { return &silences{last: make(map[string]time.Time)} }

var errSilent = errors.New("it did not answer a moment ago")

// passOver dials, but not what did not answer a moment ago.
func (s *silences) passOver(dial pgconn.DialFunc) pgconn.DialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if s.since(address) < shunned {
			return nil, &net.OpError{Op: "dial", Net: network, Err: errSilent}
		}
		conn, err := dial(ctx, network, address)
		var late net.Error
		if errors.As(err, &late) && late.Timeout() {
			s.note(address)
		}
		return conn, err
	}
}

func (s *silences) since(address string) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Since(s.last[address])
}

func (s *silences) note(address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last[address] = time.Now()
}

// writable passes over servers that take no writes, standbys for one: they would
// answer looks and no claim. What the URL asks for stays as it is: status and history
// may be asked of a standby with target_session_attrs=standby.
func writable(config *pgx.ConnConfig) {
	if config.ValidateConnect == nil {
		config.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
}
