package demo

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func anExample() example {
	return example{
		orderNo: "o-9", endpoint: "demo-flaky", explanation: "acknowledged on attempt 2",
		attempts: []exampleAttempt{
			{Attempt: 1, StartedAt: time.Unix(0, 0), Outcome: "answered", Error: "status 500"},
			{Attempt: 2, StartedAt: time.Unix(1, 0), Outcome: "acknowledged"},
		},
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	figures := Figures{
		OrdersCommitted: 100, OrdersRolledBack: 25, OrdersFailed: 3, OrdersUnknown: 1, Notifications: 100,
		Acknowledged: 80, Exhausted: 5, Unfinished: 13, Lost: 2, LostOrders: []string{"o-1", "o-2"},
		Attempts: 240, Duplicates: 4, OtherRequests: 6, SentForRolledBack: 1, SentForRolledBackOrders: []string{"o-3"},
	}
	s := Summary{Figures: figures, Scenes: Scenes{Notify: &NotifySummary{Figures: figures, OrdersPerSecond: 32}}}
	want := `
notify: The shop committed 100 orders (32 per second) and rolled back 25 after the notification was written.
3 more failed, and of 1 nobody knows whether they were committed.
Of the committed ones, merchants acknowledged 80, 5 had their whole ladder of 6 attempts without success, and 13 were unfinished at the end.
The merchants received 240 requests, 4 of them after their own acknowledgement (duplicates).
6 more requests were for orders of other runs.
Lost: 2 (o-1, o-2). Sent for an order that was rolled back: 1 (o-3).

One order's history (o-9, merchant demo-flaky):
  attempt 1  00:00:00.000  answered: status 500
  attempt 2  00:00:01.000  acknowledged
  acknowledged on attempt 2

The demo's database goes with it. The same in SQL, in a database of yours:
  select state, explanation from orderbell.notification_status where order_no = 'ORDER_NO';
  select * from orderbell.delivery_history where order_no = 'ORDER_NO' order by attempt;
  select * from orderbell.backlog;
`
	if diff := cmp.Diff(want, reported(t, Options{}, s)); diff != "" {
		t.Error(diff)
	}
}

// A database that stays can be asked about the very order.
func TestReportOfTheSceneShop(t *testing.T) {
	t.Parallel()
	want := `
The same in SQL:
  select state, explanation from orderbell.notification_status where order_no = 'o-9';
  select * from orderbell.delivery_history where order_no = 'o-9' order by attempt;
  select * from orderbell.backlog;
`
	if got := reported(t, Options{Scene: sceneShop}, Summary{Scene: sceneShop}); !strings.HasSuffix(got, want) {
		t.Errorf("it ends otherwise:\n%s", got)
	}
}

func TestReportOfOne(t *testing.T) {
	t.Parallel()
	figures := Figures{OrdersCommitted: 1, OrdersRolledBack: 1, Exhausted: 1, Unfinished: 1, Attempts: 1, OtherRequests: 1}
	s := Summary{Figures: figures, Scenes: Scenes{Notify: &NotifySummary{Figures: figures}}}
	got := reported(t, Options{}, s)
	for _, want := range []string{
		"committed 1 order (0 per second) and rolled back 1 after", "1 had its whole ladder", "1 was unfinished",
		"received 1 request,", "1 more request was for",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("nothing is said like %q:\n%s", want, got)
		}
	}
}

func reported(t *testing.T, o Options, s Summary) string {
	t.Helper()
	var out bytes.Buffer
	o.Out = &out
	if err := report(o, s, anExample()); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
