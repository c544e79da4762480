package postgres_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/orderbell/orderbell/internal/outbox"
)

type pause struct {
	PausedAt    *time.Time
	PauseReason *string
}

func (h *house) pause() pause {
	h.t.Helper()
	rows, err := h.pool.Query(h.t.Context(), "select paused_at, pause_reason from orderbell.endpoint where id = 'm-1'")
	if err != nil {
		h.t.Fatal(err)
	}
	found, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[pause])
	if err != nil {
		h.t.Fatal(err)
	}
	return found
}

// Pausing twice is pausing once, with another reason; so is resuming twice.
func TestPauseAndResume(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.exec("select orderbell.pause('m-1')")
	first := h.pause()
	if first.PausedAt == nil || first.PauseReason != nil {
		t.Fatalf("paused without a reason, it is %+v", first)
	}
	for _, step := range []struct {
		call, reason string
	}{
		{"select orderbell.pause('m-1', 'their request')", "their request"},
		{"select orderbell.pause(endpoint => 'm-1', reason => 'our own')", "our own"},
		{"select orderbell.pause('m-1')", "our own"},
		{"select orderbell.pause('m-1', '')", "our own"},
	} {
		h.exec(step.call)
		if diff := cmp.Diff(pause{first.PausedAt, new(step.reason)}, h.pause()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.call, diff)
		}
	}
	h.exec("insert into orderbell.endpoint (id, url) values ('m-2', 'http://two.example')")
	h.breaks(h.db, outbox.Breaking{Endpoint: "m-1", Open: true, Reason: "refused"}, outbox.Breaking{Endpoint: "m-2", Open: true, Reason: "refused"})
	for range 2 {
		h.exec("select orderbell.resume('m-1')")
		if diff := cmp.Diff(pause{}, h.pause()); diff != "" {
			t.Errorf("resumed (-want +got):\n%s", diff)
		}
	}
	if left := h.breakers(); len(left) != 1 || left[0].Endpoint != "m-2" {
		t.Errorf("breakers that are left: %+v", left)
	}
	// By hand it is the same.
	h.exec("select orderbell.pause('m-1', 'asked')")
	h.exec("update orderbell.endpoint set paused_at = null")
	if diff := cmp.Diff(pause{}, h.pause()); diff != "" {
		t.Errorf("resumed by hand (-want +got):\n%s", diff)
	}
}

// Rows of a paused endpoint stay as they are, and can be written and cancelled.
func TestPauseKeepsRows(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	flying := h.claimed("A1")
	h.exec("select orderbell.pause('m-1')")
	h.enqueue("A2")
	h.settle(result(flying, outbox.OutcomeAcknowledged))
	if got := h.standing(flying.ID); got.State != "acknowledged" {
		t.Errorf("what was in flight is %+v", got)
	}
	if n := h.cancel("A2"); n != 1 {
		t.Errorf("cancelled %d", n)
	}
}

func TestPauseCommands(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := t.Context()
	if err := h.db.Pause(ctx, "m-1", "asked"); err != nil {
		t.Error(err)
	}
	h.breaks(h.db, outbox.Breaking{Endpoint: "m-1", Open: true, Reason: "refused"})
	h.limit("max_in_flight = 5, rate_per_second = 0.5")
	listed, err := h.db.ListEndpoints(ctx)
	if err != nil || len(listed) != 1 {
		t.Fatalf("listed %+v, %v", listed, err)
	}
	got := listed[0]
	if got.PausedAt == nil || got.PauseReason != "asked" || *got.MaxInFlight != 5 || *got.RatePerSecond != 0.5 ||
		got.Breaker != "open" || got.OpenedAt == nil || got.OpenedBecause != "refused" || got.ProbeAt == nil {
		t.Errorf("listed %+v", got)
	}
	if err := h.db.Resume(ctx, "m-1"); err != nil {
		t.Error(err)
	}
	if p := h.pause(); p.PausedAt != nil {
		t.Errorf("resumed, it is %+v", p)
	}
	if h.db.Pause(ctx, "nobody", "") == nil || h.db.Resume(ctx, "nobody") == nil {
		t.Error("an unknown endpoint is taken")
	}
}
