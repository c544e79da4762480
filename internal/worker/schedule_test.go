package worker

import (
	"context"
	"log/slog"
	"testing"
	"time"
)

func TestWakeAt(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_000_000, 0)
	for name, test := range map[string]struct {
		schedule schedule
		belled   bool
		want     time.Duration
	}{
		"nothing to do: a full look a minute": {schedule{lastFull: now}, true, time.Minute},
		"a row falls due":                     {schedule{lastFull: now, nextDue: now.Add(3 * time.Second)}, true, 3 * time.Second},
		"a full look is owed":                 {schedule{lastFull: now, owed: true}, true, 2500 * time.Millisecond},
		"a costly full look is made rarely":   {schedule{lastFull: now, owed: true, fullCost: time.Second}, true, 20 * time.Second},
		"somebody's lease may end":            {schedule{lastFull: now, nextLeaseEnd: now.Add(8 * time.Second)}, true, 8 * time.Second},
		"the bell cannot be heard":            {schedule{lastFull: now}, false, time.Second},
		"polling does not delay what is due":  {schedule{lastFull: now, nextDue: now.Add(time.Millisecond)}, false, time.Millisecond},
	} {
		if got := test.schedule.wakeAt(now, test.belled).Sub(now); got != test.want {
			t.Errorf("%s: wakes after %v, wanted %v", name, got, test.want)
		}
	}
}

func TestFirstLookIsFull(t *testing.T) {
	t.Parallel()
	var s schedule
	if !s.fullDue(time.Now()) {
		t.Error("a worker that has just started makes no full look")
	}
}

// One slow look, or one that failed, must not keep other endpoints waiting.
func TestLooksAreNeverFarApart(t *testing.T) {
	t.Parallel()
	for cost, want := range map[time.Duration]time.Duration{
		0: busyLook, time.Millisecond: busyLook, 1500 * time.Microsecond: 30 * time.Millisecond, 12 * time.Second: longestLook,
	} {
		s := schedule{lookCost: cost}
		if got := s.lookPause(); got != want {
			t.Errorf("after a look of %v the next comes in %v, want %v", cost, got, want)
		}
	}
}

// bell is one that nobody rings.
type bell struct{ live bool }

func (b bell) Rung() <-chan struct{} { return nil }
func (b bell) Live() bool            { return b.live }
func (bell) Sleep()                  {}
func (bell) Wake()                   {}
func (bell) Changes() uint64         { return 0 }

// Where the bell cannot be heard, full looks go on: an order may have been open for
// longer than a look reaches back.
func TestFullLooksGoOnWithoutABell(t *testing.T) {
	t.Parallel()
	for live, want := range map[bool]time.Duration{true: idleFullLook, false: fullLookPause} {
		w := testWorker(&eyes{}, slog.New(slog.DiscardHandler))
		w.Bell = bell{live}
		over, cancel := context.WithCancel(t.Context())
		cancel()
		w.schedule.lastFull = time.Now()
		w.sleep(over)
		if got := w.schedule.nextFull().Sub(w.schedule.lastFull); got != want {
			t.Errorf("with a bell that is live (%t) the next full look comes in %v, want %v", live, got, want)
		}
	}
}

// A worker that dies is found out when its leases end, and not a full look's pause
// later.
func TestALeaseThatEndsIsLookedForThen(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, test := range []struct {
		name     string
		schedule schedule
		want     time.Duration
	}{
		{"one is owed", schedule{lastFull: now, owed: true, nextLeaseEnd: now.Add(time.Second)}, time.Second},
		{"nothing happens", schedule{lastFull: now, nextLeaseEnd: now.Add(7 * time.Second)}, 7 * time.Second},
		{"it comes first anyway", schedule{lastFull: now, owed: true, nextLeaseEnd: now.Add(time.Minute)}, fullLookPause},
		{"they end one by one", schedule{lastFull: now, owed: true, nextLeaseEnd: now.Add(time.Millisecond)}, endedLeasePause},
		{"looks cost much", schedule{lastFull: now, fullCost: time.Second, nextLeaseEnd: now.Add(time.Second)}, fullLookShare * time.Second},
	} {
		if got := test.schedule.nextFull().Sub(now); got != test.want {
			t.Errorf("%s: in %v, wanted %v", test.name, got, test.want)
		}
	}
}

// After an outage in which leases may have ended, their workers may write down first
// what they have. A database that merely comes and goes delays nothing.
func TestOnlyALongOutageDelaysEndedLeases(t *testing.T) {
	t.Parallel()
	for outage, delays := range map[time.Duration]bool{longOutage: true, longOutage - time.Millisecond: false, 0: false} {
		now := time.Now()
		s := schedule{blind: now.Add(-outage)}
		if outage == 0 {
			s.blind = time.Time{}
		}
		s.sees(now)
		if got := now.Sub(s.backAt) < lapseGrace; got != delays || !s.blind.IsZero() {
			t.Errorf("after %v: delays is %t", outage, got)
		}
	}
}
