package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/outbox"
	"github.com/orderbell/orderbell/internal/pgtest"
	"github.com/orderbell/orderbell/internal/postgres"
)

func TestSettle(t *testing.T) {
	t.Parallel()
	const cancelled = "cancelled while attempt 1 was in flight"
	for _, test := range []struct {
		outcome outbox.Outcome
		rung    int // before
		marked  bool
		want    standing
		wait    time.Duration // until the next attempt
	}{
		{outcome: outbox.OutcomeAcknowledged, want: standing{State: "acknowledged"}},
		{outcome: outbox.OutcomeAcknowledged, marked: true, want: standing{State: "acknowledged"}},
		{outcome: outbox.OutcomeAnswered, want: standing{State: "pending", Rung: 1}, wait: 15 * time.Second},
		{outcome: outbox.OutcomeAnswered, rung: 1, want: standing{State: "pending", Rung: 2}, wait: 3 * time.Minute},
		{outcome: outbox.OutcomeAnswered, rung: 2, want: standing{State: "exhausted", Rung: 2, Reason: "attempt 1: answered: because of answered"}},
		{outcome: outbox.OutcomeAnswered, marked: true, want: standing{State: "cancelled", Rung: 1, Reason: cancelled}},
		{outcome: outbox.OutcomeAnswered, rung: 2, marked: true, want: standing{State: "cancelled", Rung: 2, Reason: cancelled}},
		{outcome: outbox.OutcomeTimeout, want: standing{State: "pending", Rung: 1}, wait: 15 * time.Second},
		{outcome: outbox.OutcomeTimeout, marked: true, want: standing{State: "cancelled", Rung: 1, Reason: cancelled}},
		{outcome: outbox.OutcomeUnreachable, want: standing{State: "pending", Rung: 1}, wait: 15 * time.Second},
		{outcome: outbox.OutcomeUnreachable, marked: true, want: standing{State: "cancelled", Rung: 1, Reason: cancelled}},
		{outcome: outbox.OutcomeBlocked, want: standing{State: "pending", Rung: 1}, wait: 15 * time.Second},
		{outcome: outbox.OutcomeBlocked, marked: true, want: standing{State: "cancelled", Rung: 1, Reason: cancelled}},
		{outcome: outbox.OutcomeRejected, want: standing{State: "rejected", Reason: "attempt 1: rejected: because of rejected"}},
		{outcome: outbox.OutcomeRejected, marked: true, want: standing{State: "cancelled", Reason: cancelled}},
		{outcome: outbox.OutcomeInterrupted, want: standing{State: "pending"}},
		{outcome: outbox.OutcomeInterrupted, marked: true, want: standing{State: "cancelled", Reason: cancelled}},
		{outcome: outbox.OutcomeUnknown, want: standing{State: "pending"}},
		{outcome: outbox.OutcomeUnknown, marked: true, want: standing{State: "cancelled", Reason: cancelled}},
	} {
		t.Run(fmt.Sprintf("%s at rung %d, marked %t", test.outcome, test.rung, test.marked), func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			claim := h.claimed("A1")
			claim.Rung = test.rung
			h.move(claim.ID, fmt.Sprintf("rung = %d", test.rung))
			if test.marked && h.cancel("A1") != 1 {
				t.Fatal("it could not be cancelled")
			}
			if test.outcome == outbox.OutcomeUnknown {
				h.lapse(claim.ID)
			}
			moved := h.settle(result(claim, test.outcome))
			want := []outbox.Settled{{ID: claim.ID, State: outbox.State(test.want.State), Reason: test.want.Reason}}
			if diff := cmp.Diff(want, moved); diff != "" {
				t.Errorf("moved (-want +got):\n%s", diff)
			}
			test.want.AttemptCount, test.want.Outcomes = 1, "1 "+string(test.outcome)
			if diff := cmp.Diff(test.want, h.standing(claim.ID)); diff != "" {
				t.Errorf("standing (-want +got):\n%s", diff)
			}
			if test.want.State == "pending" {
				h.waits(claim.ID, test.wait)
			} else if n := one[int](t, h.pool, "select count(*) from orderbell.delivery"); n != 0 {
				t.Errorf("%d deliveries are left", n)
			}
		})
	}
}

// waits asserts that the next attempt comes after about this wait.
func (h *house) waits(id outbox.ID, want time.Duration) {
	h.t.Helper()
	got := one[time.Duration](h.t, h.pool, "select next_attempt_at - clock_timestamp() from orderbell.delivery where notification_id = $1", id)
	if got > want || got < want-10*time.Second {
		h.t.Errorf("the next attempt comes after %s, want %s", got, want)
	}
}

func TestSettleWritesTheAttemptDown(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	claim := h.claimed("A1")
	claim.EndpointURL = "http://shop.example/notify"
	s := result(claim, outbox.OutcomeAnswered)
	s.Result = outbox.Result{Outcome: outbox.OutcomeAnswered, HTTPStatus: 503, Error: "busy", Excerpt: "later", Elapsed: 1500 * time.Microsecond}
	s.Worker = "another"
	s.Began = time.Now().Add(-time.Minute)
	h.settle(s)
	type attempt struct {
		Attempt, Round            int
		DurationUs                int64
		HTTPStatus                int
		Endpoint, URL, Error      string
		ResponseExcerpt, Worker   string
		BeganAMinuteAgo           bool
		DurationMsInTheView       float64
		StatusInTheStatus, Ladder int
	}
	var got attempt
	if err := h.pool.QueryRow(t.Context(), `
		select a.attempt, a.round, a.duration_us, a.http_status, a.endpoint, a.url, a.error, a.response_excerpt, a.worker,
		       a.started_at between now() - interval '70 s' and now() - interval '60 s', v.duration_ms, s.last_http_status, s.rung
		from orderbell.attempt a
		join orderbell.delivery_history v using (notification_id, attempt)
		join orderbell.notification_status s on s.id = a.notification_id`).Scan(
		&got.Attempt, &got.Round, &got.DurationUs, &got.HTTPStatus, &got.Endpoint, &got.URL, &got.Error, &got.ResponseExcerpt,
		&got.Worker, &got.BeganAMinuteAgo, &got.DurationMsInTheView, &got.StatusInTheStatus, &got.Ladder); err != nil {
		t.Fatal(err)
	}
	want := attempt{
		Attempt: 1, DurationUs: 1500, HTTPStatus: 503, Endpoint: "m-1", URL: "http://shop.example/notify", Error: "busy",
		ResponseExcerpt: "later", Worker: "another", BeganAMinuteAgo: true, DurationMsInTheView: 1.5, StatusInTheStatus: 503, Ladder: 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("attempt (-want +got):\n%s", diff)
	}
}

// One bad byte of an answer must not keep a whole batch from being written.
func TestSettleWhatTextCannotHold(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	bad, good := result(h.claimed("A1"), outbox.OutcomeRejected), result(h.claimed("A2"), outbox.OutcomeAcknowledged)
	bad.Result.Error, bad.Result.Excerpt, bad.Verdict.Reason = "a\x00b\xff", "\x00\xfe", "because of \x00\xff"
	h.settle(bad, good)
	if got := h.standing(bad.Claim.ID); got.State != "rejected" || got.Reason != `because of \x00`+"\uFFFD" {
		t.Errorf("it stands at %+v", got)
	}
	if got := one[string](t, h.pool, "select error || ' ' || response_excerpt from orderbell.attempt where error is not null"); got != `a\x00b`+"\uFFFD"+` \x00`+"\uFFFD" {
		t.Errorf("its attempt says %q", got)
	}
}

// The endpoint has it: however late its acknowledgement comes, the row ends.
func TestSettleALateAcknowledgement(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	claim := h.claimed("A1")
	h.lapse(claim.ID)
	h.settle(result(claim, outbox.OutcomeUnknown))
	moved := h.settle(result(claim, outbox.OutcomeAcknowledged))
	if len(moved) != 1 || moved[0].State != outbox.Acknowledged {
		t.Errorf("moved: %v", moved)
	}
	want := standing{State: "acknowledged", AttemptCount: 1, Reason: "late, by attempt 1", Outcomes: "1 unknown"}
	if diff := cmp.Diff(want, h.standing(claim.ID)); diff != "" {
		t.Errorf("standing (-want +got):\n%s", diff)
	}
}

// While another attempt is in flight the row waits for that one's record, and then
// ends acknowledged, whatever came of it, and whether or not it is cancelled.
func TestSettleALateAcknowledgementBesideAnotherAttempt(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		since func(h *house)
		then  func(h *house, second *outbox.Claim)
		want  standing
	}{
		"which is answered": {
			then: func(h *house, second *outbox.Claim) { h.settle(result(second, outbox.OutcomeAnswered)) },
			want: standing{AttemptCount: 2, Rung: 1, Reason: "acknowledged while attempt 2 was in flight", Outcomes: "1 unknown, 2 answered"},
		},
		"which is acknowledged too": {
			then: func(h *house, second *outbox.Claim) { h.settle(result(second, outbox.OutcomeAcknowledged)) },
			want: standing{AttemptCount: 2, Outcomes: "1 unknown, 2 acknowledged"},
		},
		"whose worker dies": {
			then: func(h *house, second *outbox.Claim) {
				h.lapse(second.ID)
				h.settle(result(second, outbox.OutcomeUnknown))
			},
			want: standing{AttemptCount: 2, Reason: "acknowledged while attempt 2 was in flight", Outcomes: "1 unknown, 2 unknown"},
		},
		"and it is cancelled before": {
			since: func(h *house) { h.cancel("A1") },
			then:  func(h *house, second *outbox.Claim) { h.settle(result(second, outbox.OutcomeTimeout)) },
			want:  standing{AttemptCount: 2, Rung: 1, Reason: "acknowledged while attempt 2 was in flight", Outcomes: "1 unknown, 2 timeout"},
		},
		"and it is cancelled afterwards": {
			then: func(h *house, second *outbox.Claim) {
				h.cancel("A1")
				h.settle(result(second, outbox.OutcomeTimeout))
			},
			want: standing{AttemptCount: 2, Rung: 1, Reason: "acknowledged while attempt 2 was in flight", Outcomes: "1 unknown, 2 timeout"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			first := h.claimed("A1")
			h.lapse(first.ID)
			h.settle(result(first, outbox.OutcomeUnknown))
			second := h.claim(h.db, 1)[0]
			if test.since != nil {
				test.since(h)
			}
			if moved := h.settle(result(first, outbox.OutcomeAcknowledged)); len(moved) != 1 || moved[0].State != outbox.Acknowledged {
				t.Errorf("moved: %v", moved)
			}
			h.settle(result(first, outbox.OutcomeAcknowledged)) // sent again: its commit was not heard of
			if got, want := h.standing(first.ID), (standing{State: "in_flight", AttemptCount: 2, Outcomes: "1 unknown"}); got != want {
				t.Errorf("meanwhile: %+v, want %+v", got, want)
			}
			test.then(h, second)
			test.want.State = "acknowledged"
			if diff := cmp.Diff(test.want, h.standing(first.ID)); diff != "" {
				t.Errorf("standing (-want +got):\n%s", diff)
			}
		})
	}
}

// Strict fencing: what is no acknowledgement and comes late is recorded, and
// moves nothing.
func TestSettleLateOtherwise(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	claim := h.claimed("A1")
	h.lapse(claim.ID)
	h.move(claim.ID, "attempt_count = 2, claimed_by = 'w-2', leased_until = now() + interval '8 s'")
	for _, outcome := range []outbox.Outcome{outbox.OutcomeTimeout, outbox.OutcomeRejected} {
		moved, held, err := h.db.Settle(t.Context(), []*outbox.Settlement{result(claim, outcome)})
		if err != nil || len(moved) != 0 || len(held) != 0 {
			t.Errorf("%s: moved %v, held %v, %v", outcome, moved, held, err)
		}
	}
	want := standing{State: "in_flight", AttemptCount: 2, Outcomes: "1 timeout"}
	if diff := cmp.Diff(want, h.standing(claim.ID)); diff != "" {
		t.Errorf("standing (-want +got):\n%s", diff)
	}
}

// A worker that is merely slow keeps its own word.
func TestSettleUnknownOfARenewedLease(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	claim := h.claimed("A1")
	// Another process, also one of the same name.
	moved, held, err := h.worker("w-1").Settle(t.Context(), []*outbox.Settlement{result(claim, outbox.OutcomeUnknown)})
	if err != nil || len(moved) != 0 || len(held) != 0 {
		t.Errorf("moved %v, held %v, %v", moved, held, err)
	}
	if got, want := h.standing(claim.ID), (standing{State: "in_flight", AttemptCount: 1}); got != want {
		t.Errorf("standing: %+v, want %+v", got, want)
	}
}

// A worker that had to end its own request need not wait for the lease's end.
func TestSettleUnknownOfOnesOwn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	claim := h.claimed("A1")
	h.settle(result(claim, outbox.OutcomeUnknown))
	if got, want := h.standing(claim.ID), (standing{State: "pending", AttemptCount: 1, Outcomes: "1 unknown"}); got != want {
		t.Errorf("standing: %+v, want %+v", got, want)
	}
}

// Whoever sleeps hears of a row's new time.
func TestSettleRings(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	claim, done := h.claimed("A1"), h.claimed("A2")
	b := h.bell(t)
	b.asleep(t)
	b.silent(t, func() { h.settle(result(done, outbox.OutcomeAcknowledged)) })
	b.rings(t, func() { h.settle(result(claim, outbox.OutcomeTimeout)) })
}

// In a database of another encoding, an endpoint may say what cannot be written there;
// and a body is sent in the characters that it was written in.
func TestOtherEncodings(t *testing.T) {
	t.Parallel()
	admin := connect(t, pgtest.Empty(t))
	if _, err := admin.Exec(t.Context(), "create database latin encoding 'LATIN1' locale 'C' template template0"); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(admin.Config().ConnString())
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/latin"
	if err := postgres.MigrateUp(t.Context(), u.String()); err != nil {
		t.Fatal(err)
	}
	// Somebody's other programs want their own encoding.
	if _, err := admin.Exec(t.Context(), "alter database latin set client_encoding = 'SQL_ASCII'"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, err := admin.Exec(context.WithoutCancel(t.Context()), "drop database latin with (force)")
		if err != nil {
			t.Error(err)
		}
	})
	h := houseAt(t, u.String()+"&client_encoding=UTF8")
	claim := h.claimed("A1")
	claim.Body = ""
	if _, err := h.db.Fill(t.Context(), []*outbox.Claim{claim}); err != nil {
		t.Error(err)
	}
	said := result(claim, outbox.OutcomeAnswered)
	said.Result.Excerpt, said.Result.Error = "\u2713 \u6210\u529f caf\u00e9", "it said \u6210\u529f"
	if moved := h.settle(said); len(moved) != 1 {
		t.Fatalf("settled %v", moved)
	}
	if got := one[string](t, h.pool, "select response_excerpt || '; ' || error from orderbell.attempt"); got != `\u2713 \u6210\u529f caf\u00e9; it said \u6210\u529f` {
		t.Errorf("the history has %q", got)
	}
}

// The next attempt may begin between the moment that a settle sees and the moment when
// it has the row: it marks the row that there is now.
func TestSettleALateAcknowledgementBesideAClaim(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	first := h.claimed("A1")
	h.lapse(first.ID)
	h.settle(result(first, outbox.OutcomeUnknown))

	gate := h.begin()
	if _, err := gate.Exec(t.Context(), "select pg_advisory_xact_lock(7)"); err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(statements(t)["settle"], "with own as materialized (",
		"with gate as materialized (select pg_advisory_xact_lock(7)), own as materialized (", 1)
	text = strings.Replace(text, "  from unnest(@ids", "  from gate cross join unnest(@ids", 1)
	args := arguments(t, text, []outbox.ID{first.ID})
	args["outcomes"], args["states"], args["reasons"] = []string{"acknowledged"}, []string{"acknowledged"}, []*string{nil}
	done := make(chan error, 1)
	go func() {
		_, err := h.pool.Exec(context.WithoutCancel(t.Context()), text, args)
		done <- err
	}()
	pgtest.Eventually(t, 20*time.Second, "the settle to wait", func() error {
		if n := one[int](t, h.pool, "select count(*) from pg_locks where locktype = 'advisory' and not granted"); n == 0 {
			return errors.New("it does not")
		}
		return nil
	})
	second := h.claim(h.db, 1)
	if err := gate.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	h.settle(result(second[0], outbox.OutcomeAnswered))
	want := standing{State: "acknowledged", AttemptCount: 2, Rung: 1, Reason: "acknowledged while attempt 2 was in flight", Outcomes: "1 unknown, 2 answered"}
	if diff := cmp.Diff(want, h.standing(first.ID)); diff != "" {
		t.Errorf("standing (-want +got):\n%s", diff)
	}
}
