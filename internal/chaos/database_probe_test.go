package chaos_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orderbell/orderbell/internal/chaos"
	"github.com/orderbell/orderbell/internal/pgtest"
)

const (
	probeEvery = 5 * time.Millisecond
	// stall is how long a commit may take before it counts as refused.
	stall = 500 * time.Millisecond
)

// probe commits something every 5 ms, on a connection of its own, and so knows when
// the database took no writes.
type probe struct {
	t    *testing.T
	url  string
	conn *pgx.Conn

	mu   sync.Mutex
	lost time.Time // zero: it takes writes
	gaps []gap
}

// gap is a time without writes.
type gap struct{ lost, back time.Time }

// watchWrites begins to write, until the test ends.
func watchWrites(t *testing.T, h *chaos.House, url string) *probe {
	t.Helper()
	h.SQL("create table tries (at timestamptz not null)")
	p := &probe{t: t, url: url}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan struct{})
	go func() { defer close(ended); p.run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	return p
}

func (p *probe) run(ctx context.Context) {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		began := time.Now()
		p.note(began, p.write(ctx))
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
	if p.conn != nil {
		_ = p.conn.Close(context.WithoutCancel(ctx))
	}
}

func (p *probe) write(ctx context.Context) error {
	if p.conn == nil || p.conn.IsClosed() {
		config, err := pgx.ParseConfig(p.url)
		if err != nil {
			return err
		}
		config.ConnectTimeout = time.Second
		if p.conn, err = pgx.ConnectConfig(ctx, config); err != nil {
			p.conn = nil
			return err
		}
	}
	_, err := p.conn.Exec(ctx, "insert into tries values (now())")
	return err
}

func (p *probe) note(began time.Time, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err != nil && p.lost.IsZero():
		p.lost = began
	case err != nil:
	case !p.lost.IsZero():
		p.gaps = append(p.gaps, gap{p.lost, time.Now()})
		p.lost = time.Time{}
	case time.Since(began) > stall:
		p.gaps = append(p.gaps, gap{began, time.Now()})
	}
}

// accepts waits for the end of the nth gap, from 0, and returns when that was.
func (p *probe) accepts(n int) time.Time {
	p.t.Helper()
	var found gap
	pgtest.Eventually(p.t, time.Minute, "the database to accept writes", func() error {
		p.mu.Lock()
		defer p.mu.Unlock()
		if len(p.gaps) <= n {
			return fmt.Errorf("there were %d times without them", len(p.gaps))
		}
		found = p.gaps[n]
		return nil
	})
	p.t.Logf("the database took no writes for %s", round(found.back.Sub(found.lost)))
	return found.back
}
