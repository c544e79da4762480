package bench

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/orderbell/orderbell/internal/delivery"
	"github.com/orderbell/orderbell/internal/delivery/netguard"
	"github.com/orderbell/orderbell/internal/outbox"
	"github.com/orderbell/orderbell/internal/postgres"
	"github.com/orderbell/orderbell/internal/worker"
)

// timedClaims times every claim that found something.
type timedClaims struct {
	*postgres.DB
	mu   sync.Mutex
	took []float64 // milliseconds
}

// Claim is the database's own.
func (t *timedClaims) Claim(ctx context.Context, lanes []outbox.Lane, policies, signing []string) ([]*outbox.Claim, error) {
	began := time.Now()
	claims, err := t.DB.Claim(ctx, lanes, policies, signing)
	if len(claims) > 0 {
		t.mu.Lock()
		t.took = append(t.took, ms(time.Since(began)))
		t.mu.Unlock()
	}
	return claims, err
}

// lastTenth is the median of the last tenth of the claims.
func (t *timedClaims) lastTenth() float64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return median(t.took[len(t.took)-(len(t.took)+9)/10:])
}

// workHere runs a worker inside this process, wired as `orderbell work` is, while
// do runs, and returns its claims.
func workHere(ctx context.Context, d *database, inFlight int, version string, do func() error) (*timedClaims, error) {
	db, err := postgres.Open(ctx, d.url, "bench")
	if err != nil {
		return nil, err
	}
	defer db.Close()
	bell, err := postgres.NewBell(db, d.url, func(postgres.Hearing) {})
	if err != nil {
		return nil, err
	}
	guard := netguard.New(netguard.Rules{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, HTTP: true})
	courier := delivery.New(delivery.Options{Version: version, Guard: guard, Concurrency: inFlight})
	defer courier.Close()

	var background sync.WaitGroup
	defer background.Wait()
	listening, deaf := context.WithCancel(context.WithoutCancel(ctx))
	defer deaf()
	background.Go(func() { bell.Run(listening) })
	working, stop := context.WithCancel(ctx)
	defer stop()
	hurry := make(chan struct{})
	close(hurry) // when it ends, nothing is to be waited for
	claims, said := &timedClaims{DB: db}, &tail{}
	background.Go(func() {
		worker.New(
			worker.Parts{Looks: db, Claims: claims, Settles: db, Alone: db, Register: db, Limits: db, Bell: bell, Courier: courier},
			worker.Options{
				Name: "bench", Concurrency: inFlight, ShutdownTimeout: gentle,
				Lease: postgres.Lease, Log: slog.New(slog.NewJSONHandler(said, nil)),
			},
		).Run(working, hurry)
	})
	if err = do(); err != nil {
		err = fmt.Errorf("%w; the worker's last words: %s", err, said)
	}
	return claims, err
}
