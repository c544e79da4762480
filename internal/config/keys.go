package config

import (
	"log/slog"
	"net/netip"
	"strings"
	"time"
)

// key is one thing that can be configured.
type key struct {
	path   string // as in worker.concurrency
	list   bool   // a list in the file, separated by commas in the environment
	secret bool   // the value is never quoted
	// fileOnly keys are lists of entries, which no variable can hold. They have no
	// set; the walk reads them.
	fileOnly bool
	// missing names the feature that this release does not have yet. Such a key is
	// known and documented, but refused when it has a value, and has no set.
	missing string
	// set stores the values, exactly one where the key is no list, and returns an
	// error for each value, nil for a good one.
	set func(*Config, []string) []error
}

var keys = []key{
	{
		path: "database.url", secret: true,
		set: one(func(c *Config) *string { return &c.Database.URL }, databaseURL),
	},
	{
		path: "database.listen_url", secret: true,
		set: one(func(c *Config) *string { return &c.Database.ListenURL }, databaseURL),
	},
	{
		path: "worker.name",
		set:  one(func(c *Config) *string { return &c.Worker.Name }, workerName),
	},
	{
		path: "worker.concurrency",
		set:  one(func(c *Config) *int { return &c.Worker.Concurrency }, wholeNumber(1, 10000)),
	},
	{
		path: "worker.shutdown_timeout",
		set:  one(func(c *Config) *time.Duration { return &c.Worker.ShutdownTimeout }, shutdownTimeout),
	},
	{
		path: "network.allow", list: true,
		set: many(func(c *Config) *[]netip.Prefix { return &c.Network.Allow }, addressRange),
	},
	{
		path: "network.ports", list: true,
		set: many(func(c *Config) *[]uint16 { return &c.Network.Ports }, port),
	},
	{
		path: "network.http",
		set:  one(func(c *Config) *bool { return &c.Network.HTTP }, yesNo),
	},
	{
		path: "log.level",
		set:  one(func(c *Config) *slog.Level { return &c.Log.Level }, logLevel),
	},
	{
		path: "log.format",
		set:  one(func(c *Config) *string { return &c.Log.Format }, oneOf(FormatAuto, FormatText, FormatJSON)),
	},
	{
		path: "network.proxy", secret: true,
		set: one(func(c *Config) *Proxy { return &c.Network.Proxy }, proxyURL),
	},
	{path: "tls", list: true, fileOnly: true},
	{path: "console.listen", missing: "console"},
	{path: "api.listen", set: one(func(c *Config) *string { return &c.API.Listen }, listenAddress)},
	{path: "metrics.listen", missing: "metrics"},
	{path: "secrets.master_key", secret: true, set: masterKeys(masterKey, func(s *Secrets) *bool { return &s.FromKey })},
	{path: "secrets.master_key_file", set: masterKeys(masterKeyFile, func(s *Secrets) *bool { return &s.FromFile })},
	{path: "scans", list: true, fileOnly: true},
}

// one makes the set of a key with a single value. A bad value is stored too: the
// configuration is thrown away then, and checks across keys see what is set.
func one[T any](field func(*Config) *T, parse func(string) (T, error)) func(*Config, []string) []error {
	return func(c *Config, texts []string) []error {
		value, err := parse(texts[0])
		*field(c) = value
		return []error{err}
	}
}

// many makes the set of a list. It replaces the list as a whole.
func many[T any](field func(*Config) *[]T, parse func(string) (T, error)) func(*Config, []string) []error {
	return func(c *Config, texts []string) []error {
		errs := make([]error, len(texts))
		var values []T
		for i, text := range texts {
			var value T
			value, errs[i] = parse(text)
			values = append(values, value)
		}
		*field(c) = values
		return errs
	}
}

func keyAt(path string) (key, bool) {
	for _, k := range keys {
		if k.path == path {
			return k, true
		}
	}
	return key{}, false
}

// isSection reports whether keys live below this path.
func isSection(path string) bool {
	for _, k := range keys {
		if strings.HasPrefix(k.path, path+".") {
			return true
		}
	}
	return false
}
