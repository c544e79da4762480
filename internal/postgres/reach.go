package postgres

import (
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// dialWithin bounds TCP's part of connecting. It is short, so that a host that is
	// silent does not keep a worker from the next one, nor from itself when it is back:
	// TCP would ask again only after 1, 3 and 7 seconds.
	dialWithin = 1500 * time.Millisecond
	// connectWithin bounds all of it, on a server that has much to do.
	connectWithin = 5 * time.Second
	// silence is how long the other end's TCP may leave unanswered what was sent to
	// it. A statement may have been sent just before one connection was found dead, on
	// another that is dead as well: so it is half of what may pass until work goes on.
	silence = 3 * time.Second
)

// keepAlive has TCP ask where nothing is sent. No statement is needed.
func keepAlive() net.KeepAliveConfig {
	return net.KeepAliveConfig{Enable: true, Idle: 2 * time.Second, Interval: time.Second, Count: 2}
}

// reach says how a server is reached: one that has vanished without a word is
// noticed within five seconds. A connect_timeout of the URL stays as it is.
func reach(config *pgx.ConnConfig) {
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectWithin
	}
	dialer := &net.Dialer{
		Timeout:         dialWithin,
		KeepAliveConfig: keepAlive(),
		Control:         limitSilence,
	}
	config.DialFunc = dialer.DialContext
}

// writable passes over servers that take no writes, standbys for one: they would
// answer looks and no claim. What the URL asks for stays as it is: status and history
// may be asked of a standby with target_session_attrs=standby.
func writable(config *pgx.ConnConfig) {
	if config.ValidateConnect == nil {
		config.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
}
