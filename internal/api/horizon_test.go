package api_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orderbell/orderbell/internal/api"
)

// ledger is a database in which orders write notifications: an id is the time at which it was
// made.
type ledger struct {
	api.NoDatabase

	mu        sync.Mutex
	open      map[string]api.OpenOrder
	committed []time.Time
	names     int
	clock     time.Duration // how far its clock is from ours
	visible   bool          // when an order began can be seen
	looks     int
}

func newLedger() *ledger { return &ledger{open: map[string]api.OpenOrder{}} }

func (l *ledger) now() time.Time { return time.Now().Add(l.clock) }

func (l *ledger) OpenOrders(context.Context) (time.Time, []api.OpenOrder, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.looks++
	var open []api.OpenOrder
	for _, o := range l.open {
		if !l.visible {
			o.Began = nil
		}
		open = append(open, o)
	}
	return l.now(), open, nil
}

// order is a transaction. Its methods are its steps.
type order struct {
	of   *ledger
	name string
	ids  []time.Time
}

func (l *ledger) begin() *order {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.names++
	return &order{of: l, name: fmt.Sprintf("3/%d", l.names)}
}

// write makes an id; the order shows since.
func (o *order) write() {
	o.of.mu.Lock()
	defer o.of.mu.Unlock()
	if _, shows := o.of.open[o.name]; !shows {
		began := o.of.now()
		o.of.open[o.name] = api.OpenOrder{Name: o.name, PID: 17, Began: &began}
	}
	o.ids = append(o.ids, o.of.now())
}

func (o *order) prepare() {
	o.of.mu.Lock()
	defer o.of.mu.Unlock()
	delete(o.of.open, o.name)
	at := o.of.now()
	o.name = "-1/" + o.name
	o.of.open[o.name] = api.OpenOrder{Name: o.name, PreparedAt: &at}
}

func (o *order) end(commits bool) {
	o.of.mu.Lock()
	defer o.of.mu.Unlock()
	delete(o.of.open, o.name)
	if commits {
		o.of.committed = append(o.of.committed, o.ids...)
	}
}

func (l *ledger) countBefore(at time.Time) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range l.committed {
		if id.Before(at) {
			n++
		}
	}
	return n
}

func readHorizon(t *testing.T, read func(context.Context) (time.Time, error)) time.Time {
	t.Helper()
	at, err := read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func reader(l *ledger) func(context.Context) (time.Time, error) {
	return api.Horizons(l, slog.New(slog.DiscardHandler))
}

// Whatever orders do, and whoever looks, and when: nothing is committed any more before a
// horizon that was read.
func TestNothingCommitsBeforeTheHorizon(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		synctest.Test(t, func(t *testing.T) {
			draw := rand.New(rand.NewPCG(seed, 1))
			l := newLedger()
			l.visible = seed%3 == 0
			writers := &sync.WaitGroup{}
			for range 4 {
				own := rand.New(rand.NewPCG(draw.Uint64(), 2))
				writers.Go(func() { l.sell(own, 60) })
			}
			finished := make(chan struct{})
			go func() { writers.Wait(); close(finished) }()
			pull(t, l, draw, finished)
		})
	}
}

// sell makes orders that stay open for milliseconds mostly, and for minutes now and then.
func (l *ledger) sell(draw *rand.Rand, orders int) {
	rest := func() {
		longest := []time.Duration{20 * time.Millisecond, 300 * time.Millisecond, 3 * time.Second, 5 * time.Minute}[min(3, int(draw.ExpFloat64()))]
		time.Sleep(time.Duration(draw.Int64N(int64(longest))))
	}
	for range orders {
		o := l.begin()
		for range 1 + draw.IntN(3) {
			o.write()
			rest()
		}
		if draw.IntN(6) == 0 {
			o.prepare()
			rest()
		}
		o.end(draw.IntN(8) != 0)
		rest()
	}
}

// pull reads horizons at any distance, from processes that begin anew now and then.
func pull(t *testing.T, l *ledger, draw *rand.Rand, finished <-chan struct{}) {
	t.Helper()
	read := reader(l)
	seen := map[time.Time]int{}
	for {
		at := readHorizon(t, read)
		seen[at] = l.countBefore(at)
		select {
		case <-finished:
			for at, n := range seen {
				if now := l.countBefore(at); now != n {
					t.Fatalf("%d were committed before %s, when it had been read with %d", now, at, n)
				}
			}
			return
		case <-time.After(time.Duration(draw.Int64N(int64(10 * time.Second)))):
		}
		if draw.IntN(20) == 0 {
			read = reader(l) // no order of these is open for an hour
		}
	}
}

// Pages must come on, too: what holds them back is what is open, and no more.
func TestTheHorizonComesAlong(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		visible bool
		steps   func(l *ledger, read func() time.Time) (open time.Time) // since when something is open
	}{
		"nothing is open": {steps: func(*ledger, func() time.Time) time.Time { return time.Time{} }},
		"at the start, of unknown age": {steps: func(l *ledger, _ func() time.Time) time.Time {
			l.begin().write()
			return time.Now().Add(time.Second - time.Hour)
		}},
		"at the start, of an age that is seen": {visible: true, steps: func(l *ledger, _ func() time.Time) time.Time {
			l.begin().write()
			defer time.Sleep(3 * time.Hour)
			return time.Now()
		}},
		"at the start, and soon over": {steps: func(l *ledger, _ func() time.Time) time.Time {
			o := l.begin()
			o.write()
			time.AfterFunc(time.Second+5*time.Millisecond, func() { o.end(true) })
			return time.Time{}
		}},
		"after a pause of an hour, and soon over": {steps: func(l *ledger, read func() time.Time) time.Time {
			read()
			time.Sleep(time.Hour)
			o := l.begin()
			o.write()
			time.AfterFunc(time.Second+100*time.Millisecond, func() { o.end(true) })
			return time.Time{}
		}},
		"since a look long ago": {steps: func(l *ledger, read func() time.Time) time.Time {
			read()
			began := time.Now()
			time.Sleep(time.Second)
			l.begin().write()
			time.Sleep(time.Second)
			read()
			time.Sleep(24 * time.Hour)
			return began
		}},
		"prepared since": {steps: func(l *ledger, read func() time.Time) time.Time {
			read()
			began := time.Now()
			o := l.begin()
			o.write()
			time.Sleep(time.Minute)
			read()
			o.prepare()
			time.Sleep(24 * time.Hour)
			return began
		}},
		"prepared before the start": {steps: func(l *ledger, _ func() time.Time) time.Time {
			o := l.begin()
			o.write()
			o.prepare()
			began := time.Now().Add(-time.Hour)
			time.Sleep(24 * time.Hour)
			return began
		}},
		"the clock was set back": {steps: func(l *ledger, read func() time.Time) time.Time {
			o := l.begin()
			time.Sleep(time.Hour)
			read()
			l.clock = -10 * time.Minute
			o.write()
			return l.now()
		}},
		"the clock was set back, under an order that was known": {steps: func(l *ledger, read func() time.Time) time.Time {
			read()
			o := l.begin()
			o.write()
			time.Sleep(300 * time.Millisecond)
			read()
			l.clock = -10 * time.Minute
			o.write()
			return l.now()
		}},
		"the clock was set forward": {steps: func(l *ledger, read func() time.Time) time.Time {
			read()
			began := l.now()
			l.begin().write()
			l.clock = 10 * time.Minute
			return began
		}},
		"a session that has prepared its order, and begun another, between two looks of one look": {visible: true, steps: func(l *ledger, read func() time.Time) time.Time {
			read()
			began := l.now()
			o := l.begin()
			o.write()
			later := began.Add(time.Hour)
			l.open[o.name] = api.OpenOrder{Name: o.name, PID: 17, Began: &later}
			return began
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := newLedger()
				l.visible = test.visible
				horizons := reader(l)
				read := func() time.Time { return readHorizon(t, horizons) }
				want := test.steps(l, read)
				time.Sleep(time.Second)
				got := read()
				if want.IsZero() {
					want = l.now()
				}
				const unsure = 700 * time.Millisecond // a look, and what it waits for
				if want = want.Add(-api.Margin); got.After(want) || want.Sub(got) > unsure {
					t.Errorf("the horizon is at %s, %s before what is open", got, want.Sub(got))
				}
			})
		})
	}
}

// However many ask, the database is not.
func TestLooksAreShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		read := reader(l)
		var asking sync.WaitGroup
		for range 100 {
			asking.Go(func() {
				for range 100 {
					readHorizon(t, read)
					time.Sleep(10 * time.Millisecond)
				}
			})
		}
		asking.Wait()
		if l.looks > 5 {
			t.Errorf("%d looks in a second", l.looks)
		}
	})
}

func TestWhatHoldsPagesBackIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		l := newLedger()
		horizons := api.Horizons(l, slog.New(slog.NewTextHandler(&out, nil)))
		readHorizon(t, horizons)
		o := l.begin()
		o.write()
		for range 10 {
			time.Sleep(20 * time.Second)
			readHorizon(t, horizons)
		}
		o.end(true)
		readHorizon(t, horizons)
		if said := out.String(); strings.Count(said, "\n") != 1 || !strings.Contains(said, "virtualtransaction=3/1") {
			t.Errorf("the log says %q", said)
		}
	})
}

// Who waits for somebody else's look waits no longer than its own time.
func TestALookThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		read := api.Horizons(hanging{}, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var asking sync.WaitGroup
		for range 3 {
			asking.Go(func() {
				if _, err := read(ctx); err == nil {
					t.Error("there is a horizon")
				}
			})
		}
		asking.Wait()
	})
}

type hanging struct{ api.NoDatabase }

func (hanging) OpenOrders(ctx context.Context) (time.Time, []api.OpenOrder, error) {
	<-ctx.Done()
	return time.Time{}, nil, ctx.Err()
}
