package worker

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/outbox"
)

func TestReportTellsChangesOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, testReport)
}

func testReport(t *testing.T) {
	var out bytes.Buffer
	r := newReporter(slog.New(slog.NewJSONHandler(&out, nil)))
	attempt := func(endpoint string, outcome outbox.Outcome, state outbox.State) {
		r.settled(&outbox.Settlement{
			Claim:  &outbox.Claim{Endpoint: endpoint, OrderNo: "o-1", Event: "e", Attempt: 1},
			Result: outbox.Result{Outcome: outcome, Error: "status 500"},
		}, outbox.Settled{State: state, Reason: "attempt 1: answered: status 500"})
	}
	attempt("well", outbox.OutcomeAcknowledged, outbox.Acknowledged)
	for range 100 { // it fails every other time
		attempt("ill", outbox.OutcomeAnswered, outbox.Pending)
		attempt("ill", outbox.OutcomeAcknowledged, outbox.Acknowledged)
		time.Sleep(time.Second)
	}
	time.Sleep(wellAfter)
	attempt("ill", outbox.OutcomeInterrupted, outbox.Pending)
	attempt("ill", outbox.OutcomeAcknowledged, outbox.Acknowledged)
	attempt("ill", outbox.OutcomeAcknowledged, outbox.Acknowledged)
	attempt("gone", outbox.OutcomeRejected, outbox.Rejected)

	type line struct {
		Message  string `json:"msg"`
		Endpoint string `json:"endpoint"`
		OrderNo  string `json:"order_no"`
		State    string `json:"state"`
		Reason   string `json:"reason"`
	}
	var got []line
	for decoder := json.NewDecoder(&out); decoder.More(); {
		var l line
		if err := decoder.Decode(&l); err != nil {
			t.Fatal(err)
		}
		got = append(got, l)
	}
	want := []line{
		{Message: "an endpoint fails", Endpoint: "ill"},
		{Message: "an endpoint acknowledges again", Endpoint: "ill"},
		{
			Message:  "a notification ended without an acknowledgement",
			Endpoint: "gone", OrderNo: "o-1", State: "rejected", Reason: "attempt 1: answered: status 500",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines at info (-want +got):\n%s", diff)
	}
}
