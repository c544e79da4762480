package config

import (
	"log/slog"
	"net/netip"
	"time"

	"github.com/orderbell/orderbell/internal/secret"
)

// Config is a whole, checked configuration.
type Config struct {
	Database Database
	Worker   Worker
	Network  Network
	Secrets  Secrets
	Log      Log
	API      API
	// TLS has an entry for each endpoint with certificates of its own.
	TLS []TLS
	// Scans are the queries that run on a schedule.
	Scans []Scan
}

// Database says where the business database is. Both fields may hold a password;
// String and MarshalText hide them, so that a Config may be logged.
type Database struct {
	// URL is a postgres:// URL or a keyword/value string; empty if not set.
	URL string
	// ListenURL reaches the same database without a pooler in between, for LISTEN
	// and the locks of a session. It equals URL unless it is set.
	ListenURL string
}

// Worker says how this process works.
type Worker struct {
	// Name is what the worker writes into claimed_by, with a token of its process, and
	// into the history: 1 to 63 printable characters.
	Name string
	// Concurrency is how many prompt attempts run at the same time, 1 to 10000.
	Concurrency int
	// ShutdownTimeout is how long a stopping worker waits for attempts in flight,
	// 0 to 10 minutes.
	ShutdownTimeout time.Duration
	// Paused sends nothing. It is no key: only who starts the worker says so.
	Paused bool
}

// Network says which addresses requests may go to, beyond public ones over https
// on ports 443 and 8443.
type Network struct {
	// Allow opens ranges that are otherwise forbidden, on every port and for http.
	Allow []netip.Prefix
	// Ports are further ports on public addresses.
	Ports []uint16
	// HTTP allows plain http to public addresses.
	HTTP bool
	// Proxy is an egress proxy for all requests; empty if there is none.
	Proxy Proxy
}

// Proxy is an URL, http://[user:password@]host:port. It may hold a password;
// String and MarshalText hide all of it.
type Proxy string

// String hides the URL.
func (p Proxy) String() string {
	if p == "" {
		return "not set"
	}
	return "set (not shown)"
}

// GoString hides it from %#v.
func (p Proxy) GoString() string { return p.String() }

// MarshalText hides it from JSON and from structured logs.
func (p Proxy) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// Secrets holds what opens endpoints' secrets.
type Secrets struct {
	// Keyring holds the master keys; nil where there is none. It prints none of them.
	Keyring *secret.Keyring
	// FromKey and FromFile tell by which of the two keys; not both.
	FromKey, FromFile bool
}

// API says where merchants may ask.
type API struct {
	// Listen is a host and a port, such as 127.0.0.1:8401; empty: there is no API.
	Listen string
}

// Formats of the log.
const (
	FormatAuto = "auto" // text on a terminal, JSON elsewhere
	FormatText = "text"
	FormatJSON = "json"
)

// Log says what is logged, and how.
type Log struct {
	Level slog.Level
	// Format is FormatAuto, FormatText or FormatJSON.
	Format string
}

// Default returns the configuration of an empty environment and no file. The
// worker's name is made from this machine's name and this process's id.
func Default() *Config {
	return &Config{
		Worker: Worker{Name: defaultName(), Concurrency: 64, ShutdownTimeout: 30 * time.Second},
		Log:    Log{Level: slog.LevelInfo, Format: FormatAuto},
	}
}

// RequireDatabase returns an *[Error] where no database URL is set. Programs that
// start a database of their own do not call it.
func (c *Config) RequireDatabase() error {
	if c.Database.URL != "" {
		return nil
	}
	return &Error{Problems: []Problem{{
		Key: "database.url",
		Text: "is not set; set " + variable("database.url") +
			", such as postgres://user:password@host:5432/shop, or database.url in the configuration file",
	}}}
}

// String hides both URLs.
func (d Database) String() string {
	if d == (Database{}) {
		return "not set"
	}
	return "set (not shown)"
}

// MarshalText hides both URLs from JSON and from structured logs.
func (d Database) MarshalText() ([]byte, error) { return []byte(d.String()), nil }
