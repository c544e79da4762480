package postgres

import (
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// connectWithin bounds connecting to the only host; connectWithinEach to each of
	// several, so that one that is silent does not keep a worker from the others.
	connectWithin     = 5 * time.Second
	connectWithinEach = 2 * time.Second
	// silence is how long the other end's TCP may leave unanswered what was sent to
	// it. Where nothing is sent, keepalives are; no statement is.
	silence = 4 * time.Second
)

// reach says how a server is reached: one that has vanished without a word is
// noticed within five seconds. A connect_timeout of the URL stays as it is.
func reach(config *pgx.ConnConfig) {
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectWithin
		if hosts(config) > 1 {
			config.ConnectTimeout = connectWithinEach
		}
	}
	dialer := &net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: silence / 2, Interval: silence / 4, Count: 2},
		Control:         limitSilence,
	}
	config.DialFunc = dialer.DialContext
}

// writable passes over servers that take no writes, standbys for one: they would
// answer looks and no claim. What the URL asks for stays as it is.
func writable(config *pgx.ConnConfig) {
	if config.ValidateConnect == nil {
		config.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
}

// hosts counts the places that the URL names; one may be there with TLS and without.
func hosts(config *pgx.ConnConfig) int {
	type place struct {
		host string
		port uint16
	}
	places := map[place]bool{{config.Host, config.Port}: true}
	for _, fallback := range config.Fallbacks {
		places[place{fallback.Host, fallback.Port}] = true
	}
	return len(places)
}
