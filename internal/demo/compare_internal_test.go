package demo

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/outbox"
)

// The logs of a scene in which nothing went wrong, one order for each way to end.
func goodLogs() (orders []order, requests []request, standings []standing) {
	orders = []order{
		{no: "o-1", id: "n-1", fate: committed},
		{no: "o-2", id: "n-2", fate: rolledBack},
		{no: "o-3", id: "n-3", fate: committed},
		{no: "o-4", id: "n-4", fate: committed},
		{no: "o-5", id: "", fate: failed},
		{no: "o-6", id: "n-6", fate: unknown},
		{no: "o-7", id: "n-7", fate: committed},
	}
	requests = []request{
		{id: "n-1", orderNo: "o-1", attempt: 1, at: 1 * time.Second, status: 500, answered: 2 * time.Second},
		{id: "n-1", orderNo: "o-1", attempt: 2, at: 3 * time.Second, status: 200, answered: 4 * time.Second, acknowledged: true},
		{id: "n-3", orderNo: "o-3", attempt: 1, at: 1 * time.Second}, // never answered
		{id: "n-6", orderNo: "o-6", attempt: 1, at: 1 * time.Second, status: 200, answered: 2 * time.Second, acknowledged: true},
	}
	standings = []standing{
		{ID: "n-1", OrderNo: "o-1", State: outbox.Acknowledged, Attempts: 2, Rung: 1},
		{ID: "n-3", OrderNo: "o-3", State: outbox.Pending, Attempts: 1, Rung: 1},
		{ID: "n-4", OrderNo: "o-4", State: outbox.Exhausted, Attempts: 3, Rung: 2},
		{ID: "n-6", OrderNo: "o-6", State: outbox.Acknowledged, Attempts: 1},
		{ID: "n-7", OrderNo: "o-7", State: outbox.InFlight, Attempts: 1},
	}
	return orders, requests, standings
}

func TestCompare(t *testing.T) {
	t.Parallel()
	ladder := outbox.Ladder{time.Second, time.Second} // three attempts
	good := Figures{
		OrdersCommitted: 4, OrdersRolledBack: 1, OrdersFailed: 1, OrdersUnknown: 1,
		Notifications: 4,
		Acknowledged:  1, Unfinished: 2, Exhausted: 1, Attempts: 4,
	}
	stand := func(standings []standing, id string) *standing {
		return &standings[slices.IndexFunc(standings, func(s standing) bool { return s.ID == id })]
	}
	for name, test := range map[string]struct {
		plant func(*[]order, *[]request, *[]standing)
		want  func(*Figures)
		bad   bool
	}{
		"nothing went wrong": {},
		"nothing happened": {
			plant: func(o *[]order, r *[]request, s *[]standing) { *o, *r, *s = nil, nil, nil },
			want:  func(s *Figures) { *s = Figures{} },
		},
		"a loss: the database has no such notification": {
			plant: func(_ *[]order, _ *[]request, s *[]standing) { *s = slices.Delete(*s, 1, 2) },
			want:  func(s *Figures) { s.Unfinished, s.Lost, s.LostOrders = 1, 1, []string{"o-3"} },
			bad:   true,
		},
		"a loss: neither a delivery nor an ending": {
			plant: func(_ *[]order, _ *[]request, s *[]standing) { stand(*s, "n-3").State = "" },
			want:  func(s *Figures) { s.Unfinished, s.Lost, s.LostOrders = 1, 1, []string{"o-3"} },
			bad:   true,
		},
		"a loss: acknowledged, says the database, but not the merchant": {
			plant: func(_ *[]order, _ *[]request, s *[]standing) { stand(*s, "n-3").State = outbox.Acknowledged },
			want:  func(s *Figures) { s.Unfinished, s.Lost, s.LostOrders = 1, 1, []string{"o-3"} },
			bad:   true,
		},
		"a loss: the acknowledged request had another order's body": {
			plant: func(_ *[]order, r *[]request, _ *[]standing) { (*r)[1].orderNo = "o-3" },
			want:  func(s *Figures) { s.Acknowledged, s.Lost, s.LostOrders = 0, 1, []string{"o-1"} },
			bad:   true,
		},
		"a loss: rejected": {
			plant: func(_ *[]order, _ *[]request, s *[]standing) { stand(*s, "n-4").State = outbox.Rejected },
			want:  func(s *Figures) { s.Exhausted, s.Lost, s.LostOrders = 0, 1, []string{"o-4"} },
			bad:   true,
		},
		"exhausted early, by attempts": {
			plant: func(_ *[]order, _ *[]request, s *[]standing) { stand(*s, "n-4").Attempts = 2 },
			want:  func(s *Figures) { s.Exhausted, s.Lost, s.LostOrders = 0, 1, []string{"o-4"} },
			bad:   true,
		},
		"exhausted early, with an interrupted attempt": {
			plant: func(_ *[]order, _ *[]request, s *[]standing) { stand(*s, "n-4").Rung = 1 },
			want:  func(s *Figures) { s.Exhausted, s.Lost, s.LostOrders = 0, 1, []string{"o-4"} },
			bad:   true,
		},
		"a phantom: rolled back": {
			plant: func(_ *[]order, r *[]request, _ *[]standing) {
				*r = append(*r, request{id: "n-2", orderNo: "o-2", attempt: 1, at: time.Second})
			},
			want: func(s *Figures) { s.Attempts, s.SentForRolledBack, s.SentForRolledBackOrders = 5, 1, []string{"o-2"} },
			bad:  true,
		},
		"a phantom: failed before its COMMIT": {
			plant: func(_ *[]order, r *[]request, _ *[]standing) {
				*r = append(*r, request{id: "n-5", orderNo: "o-5", attempt: 1, at: time.Second})
			},
			want: func(s *Figures) { s.Attempts, s.SentForRolledBack, s.SentForRolledBackOrders = 5, 1, []string{"o-5"} },
			bad:  true,
		},
		"a duplicate": {
			plant: func(_ *[]order, r *[]request, _ *[]standing) {
				*r = append(*r, request{id: "n-1", orderNo: "o-1", attempt: 3, at: 5 * time.Second, status: 200, answered: 6 * time.Second, acknowledged: true})
			},
			want: func(s *Figures) { s.Attempts, s.Duplicates = 5, 1 },
		},
		"no duplicate: it came before the acknowledgement": {
			plant: func(_ *[]order, r *[]request, _ *[]standing) {
				*r = append(*r, request{id: "n-1", orderNo: "o-1", attempt: 3, at: 3500 * time.Millisecond})
			},
			want: func(s *Figures) { s.Attempts = 5 },
		},
		"another run's request": {
			plant: func(_ *[]order, r *[]request, _ *[]standing) {
				*r = append(*r, request{id: "n-9", orderNo: "x-1", attempt: 1, at: time.Second, status: 200, answered: time.Second, acknowledged: true})
			},
			want: func(s *Figures) { s.OtherRequests = 1 },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			orders, requests, standings := goodLogs()
			want := good
			if test.plant != nil {
				test.plant(&orders, &requests, &standings)
			}
			if test.want != nil {
				test.want(&want)
			}
			got := summarize(orders, compare(ladder, orders, requests, standings))
			if diff := cmp.Diff(want, got, cmp.Comparer(sameNames)); diff != "" {
				t.Error(diff)
			}
			if got.kept() == test.bad {
				t.Errorf("OK is %t", got.kept())
			}
			if n := got.Acknowledged + got.Unfinished + got.Exhausted + got.Withdrawn + got.Lost; n != got.Notifications {
				t.Errorf("the committed orders add up to %d", n)
			}
		})
	}
}

func sameNames(a, b []string) bool { return slices.Equal(a, b) }

func TestSummaryNamesTheFirstTen(t *testing.T) {
	t.Parallel()
	f := findings{lost: make([]string, 25), sentForRolledBack: make([]string, 25)}
	s := summarize(nil, f)
	if s.Lost != 25 || len(s.LostOrders) != 10 || s.SentForRolledBack != 25 || len(s.SentForRolledBackOrders) != 10 {
		t.Errorf("%+v", s)
	}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	orders, requests, _ := goodLogs()
	if got := choose(orders, requests); got.no != "o-1" {
		t.Errorf("chose %s, not the acknowledged one", got.no)
	}
	if got := choose(orders, requests[2:3]); got.no != "o-3" {
		t.Errorf("chose %s, not the one with requests", got.no)
	}
	if got := choose(orders, nil); got.no != "o-1" {
		t.Errorf("chose %s, not the first", got.no)
	}
	if got := choose(nil, nil); got.no != "" {
		t.Errorf("chose %s of none", got.no)
	}
}
