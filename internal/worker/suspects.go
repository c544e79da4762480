package worker

import (
	"context"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

// headStart is how long a suspect row is in flight before another one may be.
const headStart = 100 * time.Millisecond

// suspects are the endpoints with rows whose last attempts are unknown. One of them may
// be what kills the workers; the others were merely in flight with it. They are sent
// one by one: the one that kills then does so alone, and the others do not climb the
// ladder with it. At most one of them is less than a tenth of a second in flight: what
// kills does so when the answer comes, and the others may be slow.
type suspects struct {
	lanes lanes
	last  *outbox.Claim
	began time.Time // the last one
}

// waiting tells whether there may be suspect rows to send.
func (s *suspects) waiting() bool { return !s.lanes.empty() }

// free tells whether another one may begin: the last one is settled, so that no death
// can make it unknown any more, or it has had its time alone.
func (s *suspects) free(leases *leases) bool {
	return s.last == nil || !leases.holds(s.last) || time.Since(s.began) >= headStart
}

// claimSuspect claims one suspect row, where one may begin.
func (w *Worker) claimSuspect(ctx context.Context) (claimed int) {
	if !w.suspects.waiting() || !w.suspects.free(w.leases) || w.settler.behind() {
		return 0
	}
	r := w.slots.room(ctx, &w.suspects.lanes, w.schedule.lookPause())
	turn := w.turn(&w.suspects.lanes, room{prompt: min(r.prompt, 1)})
	if len(turn) == 0 {
		return 0
	}
	ctx = context.WithoutCancel(ctx)
	sent := time.Now()
	turn, claims, err := w.ask(ctx, turn)
	if w.faults.meet("claim", err) {
		w.backOff(ctx)
		return 0
	}
	w.handOn(claims, turn, sent)
	if len(claims) > 0 {
		w.suspects.last, w.suspects.began = claims[0], sent
	}
	return len(claims)
}
