package worker

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/outbox"
)

// fuses is the database's side of breakers.
type fuses struct {
	Limits
	mu     sync.Mutex
	said   []outbox.Breaking
	failed error
}

func (f *fuses) Break(_ context.Context, changes []outbox.Breaking) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed == nil {
		f.said = append(f.said, changes...)
	}
	return f.failed
}

var (
	refused  = outbox.Result{Outcome: outbox.OutcomeUnreachable, Error: "connect: connection refused"}
	late     = outbox.Result{Outcome: outbox.OutcomeTimeout, Error: "no answer within 10s", Connected: true}
	answered = outbox.Result{Outcome: outbox.OutcomeAnswered, HTTPStatus: 500, Connected: true}
)

func testBreakers(t *testing.T) (*breakers, *fuses) {
	t.Helper()
	f := &fuses{}
	log := slog.New(slog.DiscardHandler)
	b := newBreakers(f, 64, &faults{log: log}, log)
	go b.run(t.Context())
	return b, f
}

func sees(b *breakers, results ...outbox.Result) {
	for _, result := range results {
		b.saw("a", &result, false)
	}
}

func repeat(result outbox.Result, n int) []outbox.Result {
	results := make([]outbox.Result, n)
	for i := range results {
		results[i] = result
	}
	return results
}

var closedEndpoint = &outbox.Endpoint{ID: "a"}

func TestBreakersOpen(t *testing.T) {
	t.Parallel()
	flaky := slices.Concat(repeat(answered, 1), repeat(late, 4))
	for name, test := range map[string]struct {
		results []outbox.Result
		opens   bool
	}{
		"five refuse in a row":             {repeat(refused, 5), true},
		"five give no answer in time":      {repeat(late, 5), true},
		"four":                             {repeat(refused, 4), false},
		"four, an answer, four":            {slices.Concat(repeat(refused, 4), repeat(answered, 1), repeat(refused, 4)), false},
		"answers that say no":              {repeat(answered, 100), false},
		"four of five, of many":            {slices.Concat(flaky, flaky, flaky, flaky, flaky), true},
		"blocked by our address policy":    {repeat(outbox.Result{Outcome: outbox.OutcomeBlocked}, 100), false},
		"handed back, for a fault of ours": {repeat(outbox.Result{Outcome: outbox.OutcomeInterrupted, Ours: true}, 100), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b, f := testBreakers(t)
				sees(b, test.results...)
				synctest.Wait()
				if got := len(f.said) > 0; got != test.opens {
					t.Errorf("opened: %t, told the database %v", got, f.said)
				}
				may, until := b.admit(closedEndpoint, time.Now().Add(-time.Second))
				if (may == waiting) != test.opens || test.opens && time.Until(until) != firstProbe {
					t.Errorf("admitted as %d until %v", may, until)
				}
			})
		})
	}
}

// While it is open nothing goes, then a probe; each that fails doubles the wait.
func TestBreakersProbe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, f := testBreakers(t)
		sees(b, repeat(refused, 5)...)
		var waits []time.Duration
		for range 6 {
			synctest.Wait()
			_, until := b.admit(closedEndpoint, time.Time{})
			waits = append(waits, time.Until(until))
			sees(b, late) // one that was on its way
			time.Sleep(time.Until(until))
			open := &outbox.Endpoint{ID: "a", Open: true}
			if may, _ := b.admit(open, time.Now()); may != probing || b.window("a") != 1 {
				t.Fatalf("admitted as %d, with a window of %d", may, b.window("a"))
			}
			probe := refused
			b.saw("a", &probe, true)
		}
		want := []time.Duration{firstProbe, 2 * firstProbe, 4 * firstProbe, 8 * firstProbe, lastProbe, lastProbe}
		if diff := cmp.Diff(want, waits); diff != "" {
			t.Errorf("waits for probes (-want +got):\n%s", diff)
		}
		synctest.Wait()
		if len(f.said) != 7 || !f.said[6].Open || f.said[6].Reason != refused.Error {
			t.Errorf("told the database %v", f.said)
		}
	})
}

// An endpoint that is back gets two at once, and twice as many each second, as long as
// it answers.
func TestBreakersRampUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, f := testBreakers(t)
		sees(b, repeat(refused, 5)...)
		synctest.Wait()
		probe := answered
		b.saw("a", &probe, true)
		var windows []int
		for range 8 {
			windows = append(windows, b.window("a"))
			sees(b, answered, answered)
			time.Sleep(growEvery)
			sees(b, answered, answered)
		}
		if diff := cmp.Diff([]int{2, 4, 8, 16, 32, 0, 0, 0}, windows); diff != "" {
			t.Errorf("windows (-want +got):\n%s", diff)
		}
		if len(f.said) != 2 || f.said[1].Open {
			t.Errorf("told the database %v", f.said)
		}
		sees(b, repeat(answered, recentOf)...)
		if len(b.of) != 0 {
			t.Errorf("%d endpoints are remembered", len(b.of))
		}
	})
}

// While it is ramped up, what may be in flight is halved where half of the last attempts
// have failed; one that is lost now and then costs nothing.
func TestBreakersRampDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, _ := testBreakers(t)
		sees(b, repeat(refused, 5)...)
		sees(b, answered)
		time.Sleep(growEvery)
		sees(b, answered, late, answered)
		if got := b.window("a"); got != 4 {
			t.Errorf("a window of %d after one was lost", got)
		}
		for range halfFails - 1 {
			sees(b, answered, late)
		}
		if got := b.window("a"); got != 2 {
			t.Errorf("a window of %d, with half of the attempts lost", got)
		}
		sees(b, answered, late, answered, late)
		if got := b.window("a"); got != 1 {
			t.Errorf("a window of %d, wanted one at the least", got)
		}
	})
}

// What was read before a change was written says nothing about it; what was read after
// it is the word of all workers.
func TestBreakersBelieveTheDatabase(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, f := testBreakers(t)
		open := &outbox.Endpoint{ID: "a", Open: true, ProbeIn: 7 * time.Second}
		if may, until := b.admit(open, time.Now()); may != waiting || time.Until(until) != 7*time.Second {
			t.Errorf("another worker has opened it: admitted as %d until %v", may, until)
		}
		time.Sleep(time.Second)
		if may, _ := b.admit(closedEndpoint, time.Now()); may != passes || b.window("a") != firstWindow {
			t.Errorf("another worker has closed it: admitted as %d, with a window of %d", may, b.window("a"))
		}
		f.failed = errAway
		sees(b, repeat(refused, 5)...)
		time.Sleep(time.Hour)
		if may, _ := b.admit(closedEndpoint, time.Now()); may != waiting {
			t.Errorf("the database does not know yet: admitted as %d", may)
		}
		f.mu.Lock()
		f.failed = nil
		f.mu.Unlock()
		time.Sleep(time.Second)
		synctest.Wait()
		if may, _ := b.admit(closedEndpoint, time.Now()); may != passes {
			t.Errorf("somebody has resumed it: admitted as %d", may)
		}
	})
}

// A probe that was not sent does not keep others from probing.
func TestBreakersGiveProbesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, f := testBreakers(t)
		_, _ = b.admit(&outbox.Endpoint{ID: "a", Open: true}, time.Now())
		b.saw("a", &outbox.Result{Outcome: outbox.OutcomeInterrupted, Error: "the worker was stopping"}, true)
		synctest.Wait()
		if len(f.said) != 1 || !f.said[0].Open {
			t.Errorf("told the database %v", f.said)
		}
	})
}
