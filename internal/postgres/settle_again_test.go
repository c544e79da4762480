package postgres_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/outbox"
	"github.com/orderbell/orderbell/internal/pgtest"
)

func TestSettleRefusesAnIDTwice(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	claim := h.claimed("A1")
	_, _, err := h.db.Settle(t.Context(), []*outbox.Settlement{result(claim, outbox.OutcomeTimeout), result(claim, outbox.OutcomeAcknowledged)})
	if err == nil || !strings.Contains(err.Error(), outbox.FormatID(claim.ID)) {
		t.Errorf("it said: %v", err)
	}
	if got, want := h.standing(claim.ID), (standing{State: "in_flight", AttemptCount: 1}); got != want {
		t.Errorf("standing: %+v, want %+v", got, want)
	}
}

// A batch that is mixed, and sent again because its commit's outcome was not known.
func TestSettleABatchAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	outcomes := []outbox.Outcome{
		outbox.OutcomeAcknowledged, outbox.OutcomeTimeout, outbox.OutcomeRejected, outbox.OutcomeInterrupted,
		outbox.OutcomeUnknown, outbox.OutcomeAnswered,
	}
	var batch []*outbox.Settlement
	for i, outcome := range outcomes {
		claim := h.claimed(fmt.Sprint(i))
		if outcome == outbox.OutcomeUnknown {
			h.lapse(claim.ID)
		}
		batch = append(batch, result(claim, outcome))
	}
	gone := h.claimed("gone")
	h.exec("delete from orderbell.delivery where notification_id = $1", gone.ID)
	batch = append(batch, result(gone, outbox.OutcomeAcknowledged))
	if moved := h.settle(batch...); len(moved) != len(outcomes) {
		t.Errorf("%d rows moved, want %d", len(moved), len(outcomes))
	}
	var before []standing
	for _, s := range batch[:len(outcomes)] {
		before = append(before, h.standing(s.Claim.ID))
	}
	if moved := h.settle(batch...); len(moved) != 0 {
		t.Errorf("the second time %d rows moved", len(moved))
	}
	for i, s := range batch[:len(outcomes)] {
		if diff := cmp.Diff(before[i], h.standing(s.Claim.ID)); diff != "" {
			t.Errorf("%s (-once +twice):\n%s", outcomes[i], diff)
		}
	}
	if n := one[int](t, h.pool, "select count(*) from orderbell.attempt"); n != len(batch) {
		t.Errorf("%d attempts are recorded, want %d", n, len(batch))
	}
	if n := one[int](t, h.pool, "select count(*) from orderbell.finished"); n != 2 {
		t.Errorf("%d endings are recorded, want 2", n)
	}
}

// One open transaction of the business holds up its own row and no other.
func TestSettleARowThatACancelHolds(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		commit  bool
		outcome outbox.Outcome
		want    standing
	}{
		"rolled back":                  {outcome: outbox.OutcomeTimeout, want: standing{State: "pending", Rung: 1}},
		"committed":                    {commit: true, outcome: outbox.OutcomeTimeout, want: standing{State: "cancelled", Rung: 1, Reason: "cancelled while attempt 1 was in flight"}},
		"rolled back and acknowledged": {outcome: outbox.OutcomeAcknowledged, want: standing{State: "acknowledged"}},
		"committed and acknowledged":   {commit: true, outcome: outbox.OutcomeAcknowledged, want: standing{State: "acknowledged"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			holds, other := h.claimed("held"), h.claimed("other")
			tx := h.begin()
			if n := one[int](t, tx, "select orderbell.cancel('m-1', 'held')"); n != 1 {
				t.Fatalf("cancel says %d", n)
			}
			moved, held, err := h.db.Settle(t.Context(), []*outbox.Settlement{result(holds, test.outcome), result(other, outbox.OutcomeAcknowledged)})
			if err != nil {
				t.Fatal(err)
			}
			if len(moved) != 1 || moved[0].ID != other.ID || len(held) != 1 || held[0].Claim.ID != holds.ID {
				t.Errorf("moved %v, held %v", moved, held)
			}
			if test.commit {
				err = tx.Commit(t.Context())
			} else {
				err = tx.Rollback(t.Context())
			}
			if err != nil {
				t.Fatal(err)
			}
			if moved := h.settle(held...); len(moved) != 1 {
				t.Errorf("settled again, it moved %v", moved)
			}
			test.want.AttemptCount, test.want.Outcomes = 1, "1 "+string(test.outcome)
			if diff := cmp.Diff(test.want, h.standing(holds.ID)); diff != "" {
				t.Errorf("standing (-want +got):\n%s", diff)
			}
		})
	}
}

// A late acknowledgement of a row that an open cancel holds is no less an
// acknowledgement: it is to be settled again too.
func TestSettleALateAcknowledgementThatACancelHolds(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	claim := h.claimed("A1")
	h.lapse(claim.ID)
	h.settle(result(claim, outbox.OutcomeUnknown))
	tx := h.begin()
	if n := one[int](t, tx, "select orderbell.cancel('m-1', 'A1')"); n != 1 {
		t.Fatalf("cancel says %d", n)
	}
	_, held, err := h.db.Settle(t.Context(), []*outbox.Settlement{result(claim, outbox.OutcomeAcknowledged)})
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(held) != 1 {
		t.Fatalf("%d are held: the acknowledgement is forgotten, and the endpoint will be told again", len(held))
	}
	h.settle(held...)
	if got := h.standing(claim.ID); got.State != "acknowledged" {
		t.Errorf("it stands at %+v", got)
	}
}

// Two workers that settle the same rows in opposite orders do not deadlock.
func TestSettleInAnyOrder(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const rows = 60
	var there, back []*outbox.Settlement
	for i := range rows {
		claim := h.claimed(fmt.Sprint(i))
		there = append(there, result(claim, outbox.OutcomeTimeout))
		back = append([]*outbox.Settlement{result(claim, outbox.OutcomeTimeout)}, back...)
		there[i].Sent, back[0].Sent = true, true // the other may have been recorded
	}
	other := h.worker("w-2")
	failed := make(chan error, 1)
	go func() {
		_, _, err := other.Settle(t.Context(), back)
		failed <- err
	}()
	if _, _, err := h.db.Settle(t.Context(), there); err != nil {
		t.Error(err)
	}
	if err := <-failed; err != nil {
		t.Error(err)
	}
	pgtest.Eventually(t, 5*time.Second, "all rows to be moved", func() error {
		if n := one[int](t, h.pool, "select count(*) from orderbell.delivery where state = 'pending' and rung = 1"); n != rows {
			return fmt.Errorf("%d are", n)
		}
		return nil
	})
}

// A row that is there although it was finished, as a restore can leave it, and an
// attempt that is recorded although its row was not moved, do not stop a batch for
// ever: sent again, it looks first.
func TestSettleWhatIsThereAlready(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	recorded, finished, innocent := h.claimed("A1"), h.claimed("A2"), h.claimed("A3")
	h.exec(`insert into orderbell.attempt (notification_id, attempt, round, started_at, duration_us, outcome, endpoint, worker)
		values ($1, 1, 0, now(), 1, 'timeout', 'm-1', 'w-0')`, recorded.ID)
	h.exec("insert into orderbell.finished (notification_id, round, state, attempt_count) values ($1, 0, 'acknowledged', 1)", finished.ID)
	batch := []*outbox.Settlement{
		result(recorded, outbox.OutcomeAcknowledged), result(finished, outbox.OutcomeAcknowledged), result(innocent, outbox.OutcomeAcknowledged),
	}
	if _, _, err := h.db.Settle(t.Context(), batch); err == nil {
		t.Error("the first try found nothing: then it looks each time")
	}
	if moved := h.settle(batch...); len(moved) != 3 {
		t.Errorf("%d are moved, want 3", len(moved))
	}
	if n := one[int](t, h.pool, "select count(*) from orderbell.delivery"); n != 0 {
		t.Errorf("%d deliveries are left", n)
	}
}
