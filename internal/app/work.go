package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"sync"
	"time"

	"github.com/orderbell/orderbell/internal/config"
	"github.com/orderbell/orderbell/internal/delivery"
	"github.com/orderbell/orderbell/internal/delivery/netguard"
	"github.com/orderbell/orderbell/internal/janitor"
	"github.com/orderbell/orderbell/internal/postgres"
	"github.com/orderbell/orderbell/internal/worker"
)

// Work runs a worker until ctx ends, and then stops it gently, or less so once
// hurry is closed. It returns an error where the worker cannot start: a
// *postgres.SchemaError where the schema and this program do not fit, a *config.Error
// where the schedule of a scan is none.
func Work(ctx context.Context, hurry <-chan struct{}, c *config.Config, version string, log *slog.Logger) error {
	scans, wrong := planned(c.Scans)
	if len(wrong) > 0 {
		return &config.Error{Problems: wrong}
	}
	db, err := postgres.Open(ctx, c.Database.URL, c.Worker.Name)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := waitForSchema(ctx, db, log); err != nil {
		return err
	}
	courier, err := newCourier(ctx, c, version, log)
	if err != nil {
		return err
	}
	defer courier.Close()
	bell, err := postgres.NewBell(db, c.Database.ListenURL, tellHearing(log))
	if err != nil {
		return err
	}
	answerMerchants, err := openAPI(ctx, c, log)
	if err != nil {
		return err
	}
	outliving, end := context.WithCancel(context.WithoutCancel(ctx))
	var background sync.WaitGroup
	defer background.Wait()
	defer end()
	background.Go(func() { bell.Run(outliving) })
	background.Go(func() { answerMerchants(ctx) }) // stops at once, so that merchants ask another
	background.Go(func() {
		if err := janitor.Run(outliving, db, db, db, log); err != nil {
			log.Error("the janitor does not work", "error", err)
		}
	})

	if len(scans) > 0 && !c.Worker.Paused {
		background.Go(func() { keepScans(ctx, hurry, db, scans, c.Worker.ShutdownTimeout, log) })
	}

	log.Info("worker starts", "worker", c.Worker.Name, "version", version, "concurrency", c.Worker.Concurrency)
	if c.Worker.Paused {
		log.Warn("paused: nothing is sent, and no scan runs; start without --paused to send what is due")
	}
	worker.New(
		worker.Parts{Looks: db, Claims: db, Settles: db, Alone: db, Register: db, Limits: db, Bell: bell, Courier: courier},
		worker.Options{
			Name: c.Worker.Name, Concurrency: c.Worker.Concurrency, ShutdownTimeout: c.Worker.ShutdownTimeout,
			Lease: postgres.Lease, Paused: c.Worker.Paused, Log: log,
		},
	).Run(ctx, hurry)
	log.Info("worker has stopped", "worker", c.Worker.Name)
	return nil
}

// waitForSchema waits until the database answers, and checks its schema.
func waitForSchema(ctx context.Context, db *postgres.DB, log *slog.Logger) error {
	const longest = 5 * time.Second
	said := ""
	for pause := 250 * time.Millisecond; ; pause = min(2*pause, longest) {
		err := db.Ping(ctx)
		if err == nil {
			return db.CheckSchema(ctx)
		}
		if ctx.Err() != nil {
			return fmt.Errorf("stopped before the database could be reached: %w", context.Cause(ctx))
		}
		if err.Error() != said {
			said = err.Error()
			log.Error("the database cannot be reached; trying again", "error", said)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// newCourier makes the courier with its address policy, its proxy and the
// certificates of single endpoints.
func newCourier(ctx context.Context, c *config.Config, version string, log *slog.Logger) (*delivery.Courier, error) {
	closed, err := ownAddresses(ctx, c)
	if err != nil {
		return nil, err
	}
	o := delivery.Options{
		Version: version, Concurrency: c.Worker.Concurrency,
		Guard: netguard.New(netguard.Rules{
			Allow: c.Network.Allow, Ports: c.Network.Ports, HTTP: c.Network.HTTP, Database: closed,
		}),
		Keyring:     c.Secrets.Keyring,
		Credentials: make(map[string]*delivery.Credentials, len(c.TLS)),
	}
	if o.Proxy, err = newProxy(c.Network.Proxy, closed); err != nil {
		return nil, err
	}
	for _, e := range c.TLS {
		files := delivery.CredentialFiles{CA: e.CAFile, Cert: e.CertFile, Key: e.KeyFile}
		if o.Credentials[e.Endpoint], err = delivery.LoadCredentials(e.Endpoint, files, log); err != nil {
			return nil, err
		}
	}
	return delivery.New(o), nil
}

// newProxy opens nothing but the proxy: the courier dials no other address through
// its guard. That is why the guard may allow everything that can be opened.
func newProxy(address config.Proxy, closed []netip.AddrPort) (*delivery.Proxy, error) {
	if address == "" {
		return nil, nil
	}
	u, err := url.Parse(string(address))
	if err != nil {
		return nil, errors.New("read network.proxy: it is no URL") // the cause would show a password
	}
	everything := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	return &delivery.Proxy{URL: u, Guard: netguard.New(netguard.Rules{Allow: everything, Database: closed})}, nil
}

// ownAddresses are the database's, also those for listening: never sent to,
// whatever the configuration allows.
func ownAddresses(ctx context.Context, c *config.Config) ([]netip.AddrPort, error) {
	own, err := postgres.Addresses(ctx, c.Database.URL)
	if err != nil {
		return nil, err
	}
	// A name that cannot be looked up costs the bell, which says so, and no delivery.
	listening, _ := postgres.Addresses(ctx, c.Database.ListenURL)
	return append(own, listening...), nil
}
