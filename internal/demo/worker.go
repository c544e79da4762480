package demo

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"github.com/orderbell/orderbell/internal/app"
	"github.com/orderbell/orderbell/internal/config"
)

var loopback = netip.MustParsePrefix("127.0.0.0/8")

// worker is the one inside this process; nil where it runs elsewhere.
type worker struct {
	cancel context.CancelFunc
	ended  chan error
}

// hire starts a worker that outlives ctx, until stop. ended is called when it has
// ended, for whatever reason.
func (s *stage) hire(ctx context.Context, ended func()) *worker {
	c := config.Default()
	c.Database.URL, c.Database.ListenURL = s.database.url, s.database.url
	c.Secrets.Keyring = s.keyring
	c.Scans = s.scans
	c.Worker.Name = "demo"
	c.Worker.ShutdownTimeout = 5 * time.Second // longer than the policy's timeout
	c.Network.Allow = []netip.Prefix{loopback}
	log := app.NewLog(s.said, config.Log{Level: slog.LevelError, Format: config.FormatText})

	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	w := &worker{cancel: cancel, ended: make(chan error, 1)}
	go func() {
		defer ended()
		w.ended <- app.Work(ctx, nil, c, s.options.Version, log)
	}()
	return w
}

// stop lets the worker finish what is in flight, and says why it ended if that
// was not because of us.
func (w *worker) stop() error {
	if w == nil {
		return nil
	}
	w.cancel()
	if err := <-w.ended; !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}
