package worker

import (
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
