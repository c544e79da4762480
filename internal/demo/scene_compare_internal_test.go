package demo

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/outbox"
)

// ms is a time of a log.
func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// goodPush are the logs of three orders: one that was corrected and went its way with an
// attempt that failed, one that is not complete yet, and one of the partner that is down.
func goodPush() (of logs, standings []standing, complete map[string]time.Duration) {
	of.orders = []order{
		{no: "o-1", id: "n-1", event: eventCreated, held: true, withdrawn: true},
		{no: "o-1", id: "n-2", event: eventCreated, held: true},
		{no: "o-1", id: "n-3", event: eventPaid},
		{no: "o-1", id: "n-4", event: eventShipped},
		{no: "o-2", id: "n-5", event: eventCreated, held: true},
		{no: "o-3", id: "n-6", event: eventCreated, held: true, merchant: partnerDown},
		{no: "o-3", id: "n-7", event: eventPaid, merchant: partnerDown},
	}
	of.requests = []request{
		{id: "n-4", orderNo: "o-1", at: ms(500), answered: ms(510), acknowledged: true},
		{id: "n-2", orderNo: "o-1", at: ms(103), answered: ms(110)},
		{id: "n-2", orderNo: "o-1", at: ms(203), answered: ms(210), acknowledged: true},
		{id: "n-3", orderNo: "o-1", at: ms(300), answered: ms(310), acknowledged: true},
	}
	standings = []standing{
		{ID: "n-1", OrderNo: "o-1", State: outbox.Superseded},
		{ID: "n-2", OrderNo: "o-1", State: outbox.Acknowledged},
		{ID: "n-3", OrderNo: "o-1", State: outbox.Acknowledged},
		{ID: "n-4", OrderNo: "o-1", State: outbox.Acknowledged},
		{ID: "n-5", OrderNo: "o-2", State: outbox.Held},
		{ID: "n-6", OrderNo: "o-3", State: outbox.Pending},
		{ID: "n-7", OrderNo: "o-3", State: outbox.Pending},
	}
	return of, standings, map[string]time.Duration{"o-1": ms(100), "o-3": ms(100)}
}

func TestComparePush(t *testing.T) {
	t.Parallel()
	ladder := outbox.Ladder{time.Second} // two attempts
	for name, test := range map[string]struct {
		plant             func(*logs, map[string]time.Duration)
		early, disordered []string
	}{
		"nothing went wrong": {},
		"sent before its release": {
			plant: func(_ *logs, complete map[string]time.Duration) { complete["o-1"] = ms(104) },
			early: []string{"o-1"},
		},
		"sent, and never released": {
			plant: func(l *logs, _ map[string]time.Duration) {
				l.requests = append(l.requests, request{id: "n-5", orderNo: "o-2", at: ms(900)})
			},
			early: []string{"o-2"},
		},
		"a state that was replaced is sent": {
			plant: func(l *logs, _ map[string]time.Duration) {
				l.requests = append(l.requests, request{id: "n-1", orderNo: "o-1", at: ms(102)})
			},
			early: []string{"o-1"},
		},
		"paid before created": {
			plant:      func(l *logs, _ map[string]time.Duration) { l.requests[3].at = ms(102) },
			disordered: []string{"o-1"},
		},
		"paid between two attempts of created": {
			plant:      func(l *logs, _ map[string]time.Duration) { l.requests[3].at = ms(150) },
			disordered: []string{"o-1"},
		},
		"shipped without paid": {
			plant:      func(l *logs, _ map[string]time.Duration) { l.requests = l.requests[:3] },
			disordered: []string{"o-1"},
		},
		"what is behind a held one is sent": {
			plant: func(l *logs, _ map[string]time.Duration) {
				l.requests = append(l.requests, request{id: "n-7", orderNo: "o-3", at: ms(900)})
			},
			disordered: []string{"o-3"},
		},
		"the head has had its whole ladder": {
			plant: func(l *logs, _ map[string]time.Duration) {
				l.requests = append(l.requests, request{id: "n-6", orderNo: "o-3", at: ms(400)},
					request{id: "n-6", orderNo: "o-3", at: ms(600)}, request{id: "n-7", orderNo: "o-3", at: ms(900)})
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			of, standings, complete := goodPush()
			if test.plant != nil {
				test.plant(&of, complete)
			}
			got := comparePush(ladder, of, standings, complete)
			if diff := cmp.Diff(test.early, got.EarlyOrders, cmp.Comparer(sameNames)); diff != "" || got.SentBeforeRelease != len(test.early) {
				t.Errorf("sent before release: %d %s", got.SentBeforeRelease, diff)
			}
			if diff := cmp.Diff(test.disordered, got.DisorderedOrders, cmp.Comparer(sameNames)); diff != "" || got.OutOfOrder != len(test.disordered) {
				t.Errorf("out of order: %d %s", got.OutOfOrder, diff)
			}
			wrong := len(test.early)+len(test.disordered) > 0
			if got.kept() == wrong || (len(got.broken()) > 0) != wrong {
				t.Errorf("kept: %t, %q", got.kept(), got.broken())
			}
			if got.Held != 1 || got.Superseded != 1 || got.WaitingForDown != 2 {
				t.Errorf("counted %+v", got)
			}
		})
	}
}

func TestPushLatency(t *testing.T) {
	t.Parallel()
	of, standings, complete := goodPush()
	if got := comparePush(policyLadder(), of, standings, complete); got.Pushed != 3 || got.P50 != 3 || got.P99 != 3 {
		t.Errorf("%+v", got)
	}
	if got := percentile([]time.Duration{ms(3), ms(1), ms(2), ms(9)}, 99); got != 9 {
		t.Errorf("p99 of four is %v", got)
	}
}

func TestCompareQuestions(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		plant func(*logs, []standing, books)
		want  func(*QuestionSummary)
		bad   bool
	}{
		"nothing went wrong": {},
		"a hook called twice": {
			plant: func(_ *logs, _ []standing, b books) { b["o-1"].calls["payment_final"] = 2 },
			want:  func(s *QuestionSummary) { s.HookCalls, s.HookedTwice = 4, 1 },
			bad:   true,
		},
		"both hooks called": {
			plant: func(_ *logs, _ []standing, b books) { b["o-1"].calls["payment_unknown"] = 1 },
			want: func(s *QuestionSummary) {
				s.HookCalls, s.Unknown, s.HookedTwice, s.HookMissed = 4, 2, 1, 1
			},
			bad: true,
		},
		"a hook not called": {
			plant: func(_ *logs, _ []standing, b books) { delete(b["o-1"].calls, "payment_final") },
			want:  func(s *QuestionSummary) { s.HookCalls, s.HookMissed = 2, 1 },
			bad:   true,
		},
		"a hook called for a question that was cancelled": {
			plant: func(_ *logs, _ []standing, b books) { b["o-3"].calls["payment_final"] = 1 },
			want:  func(s *QuestionSummary) { s.HookCalls, s.HookMissed, s.Wrong = 4, 1, 1 },
			bad:   true,
		},
		"a hook called before the end": {
			plant: func(_ *logs, s []standing, _ books) { s[1].State = outbox.Pending },
			want:  func(s *QuestionSummary) { s.HookMissed = 1 },
			bad:   true,
		},
		"the channel said closed, the shop says paid": {
			plant: func(_ *logs, _ []standing, b books) { b["o-2"].state = "paid" },
			want:  func(s *QuestionSummary) { s.Paid, s.Closed, s.Wrong = 3, 0, 1 },
			bad:   true,
		},
		"paid and closed": {
			plant: func(_ *logs, _ []standing, b books) { b["o-2"].accepted = 1 },
			want:  func(s *QuestionSummary) { s.PaidAndClosed = 1 },
			bad:   true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			of, standings, b := goodQuestions()
			want := QuestionSummary{HookCalls: 3, Unknown: 1, Paid: 2, Closed: 1}
			if test.plant != nil {
				test.plant(&of, standings, b)
				test.want(&want)
			}
			got := compareQuestions(of, standings, b)
			if test.bad != (len(got.BadOrders) == 1) || test.bad == got.kept() || test.bad != (len(got.broken()) > 0) {
				t.Errorf("kept: %t, %q, %q", got.kept(), got.broken(), got.BadOrders)
			}
			got.BadOrders = nil
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// goodQuestions are the logs of four trades: paid, closed, called back, and never final.
func goodQuestions() (of logs, standings []standing, b books) {
	of.orders = []order{
		{no: "o-1", id: "n-1"},
		{no: "o-2", id: "n-2"},
		{no: "o-3", id: "n-3", withdrawn: true},
		{no: "o-4", id: "n-4"},
		{no: "o-5", id: "n-5", fate: rolledBack},
	}
	of.requests = []request{
		{id: "n-1", orderNo: "o-1", says: tradeWaiting},
		{id: "n-1", orderNo: "o-1", says: tradePaid, acknowledged: true},
		{id: "n-2", orderNo: "o-2", says: tradeClosed, acknowledged: true},
		{id: "n-4", orderNo: "o-4", says: tradeWaiting},
	}
	standings = []standing{
		{ID: "n-1", OrderNo: "o-1", State: outbox.Acknowledged},
		{ID: "n-2", OrderNo: "o-2", State: outbox.Acknowledged},
		{ID: "n-3", OrderNo: "o-3", State: outbox.Cancelled},
		{ID: "n-4", OrderNo: "o-4", State: outbox.Exhausted},
	}
	return of, standings, books{
		"o-1": {state: "paid", accepted: 1, calls: map[string]int{"payment_final": 1}},
		"o-2": {state: "closed", calls: map[string]int{"payment_final": 1}},
		"o-3": {state: "paid", accepted: 1, calls: map[string]int{}},
		"o-4": {state: "unpaid", calls: map[string]int{"payment_unknown": 1}},
	}
}

func TestCompareClosing(t *testing.T) {
	t.Parallel()
	good := CloseSummary{Paid: 2, Closed: 2, Raced: 2, TooLate: 1}
	for name, test := range map[string]struct {
		plant func(map[string]payer, books)
		want  func(*CloseSummary)
		bad   bool
	}{
		"nothing went wrong": {},
		"a payer was told that it is paid, and it is closed": {
			plant: func(p map[string]payer, _ books) { p["o-3"] = payer{committed, true} },
			want:  func(s *CloseSummary) { s.TooLate, s.PaidAndClosed = 0, 1 },
			bad:   true,
		},
		"nobody knows what the payer was told": {
			plant: func(p map[string]payer, _ books) { p["o-3"] = payer{unknown, true} },
			want:  func(s *CloseSummary) { s.TooLate = 0 },
		},
		"closed with an accepted payment": {
			plant: func(_ map[string]payer, b books) { b["o-3"].accepted = 1 },
			want:  func(s *CloseSummary) { s.PaidAndClosed = 1 },
			bad:   true,
		},
		"paid after it was closed": {
			plant: func(_ map[string]payer, b books) { b["o-2"].closings, b["o-2"].openFor = 1, time.Second },
			want:  func(s *CloseSummary) { s.PaidAndClosed = 1 },
			bad:   true,
		},
		"closed twice": {
			plant: func(_ map[string]payer, b books) { b["o-4"].closings = 2 },
			want:  func(s *CloseSummary) { s.ClosedTwice = 1 },
			bad:   true,
		},
		"closed early": {
			plant: func(_ map[string]payer, b books) { b["o-4"].openFor = ms(999) },
			want:  func(s *CloseSummary) { s.ClosedEarly = 1 },
			bad:   true,
		},
		"a payment was refused while it was open": {
			plant: func(_ map[string]payer, b books) { *b["o-3"] = page{state: "unpaid"} },
			want:  func(s *CloseSummary) { s.Closed, s.Open, s.Refused = 1, 1, 1 },
			bad:   true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			orders := []order{
				{no: "o-1", withdrawn: true}, {no: "o-2"}, {no: "o-3"}, {no: "o-4"}, {no: "o-5", fate: rolledBack},
			}
			payers := map[string]payer{"o-1": {committed, true}, "o-2": {committed, true}, "o-3": {committed, false}}
			b := books{
				"o-1": {state: "paid", accepted: 1}, "o-2": {state: "paid", accepted: 1},
				"o-3": {state: "closed", closings: 1, openFor: time.Second}, "o-4": {state: "closed", closings: 1, openFor: time.Second},
			}
			want := good
			if test.plant != nil {
				test.plant(payers, b)
				test.want(&want)
			}
			got := compareClosing(orders, payers, b, time.Second)
			if test.bad != (len(got.BadOrders) == 1) || test.bad == got.kept() || test.bad != (len(got.broken()) > 0) {
				t.Errorf("kept: %t, %q, %q", got.kept(), got.broken(), got.BadOrders)
			}
			got.BadOrders = nil
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// An order may have several notifications, of which the shop has withdrawn some.
func TestCompareManyOfAnOrder(t *testing.T) {
	t.Parallel()
	orders := []order{
		{no: "o-1", id: "n-1", withdrawn: true},
		{no: "o-1", id: "n-2"},
		{no: "o-1", id: "n-3", fate: rolledBack},
		{no: "o-2", id: "n-4"},
		{no: "o-3", id: "n-5", fate: rolledBack},
	}
	standings := []standing{
		{ID: "n-1", OrderNo: "o-1", State: outbox.Superseded},
		{ID: "n-2", OrderNo: "o-1", State: outbox.Pending},
		{ID: "n-4", OrderNo: "o-2", State: outbox.Cancelled}, // and the shop has not
	}
	requests := []request{{id: "n-3", orderNo: "o-1"}, {id: "n-2", orderNo: "o-1"}}
	want := Figures{
		OrdersCommitted: 2, OrdersRolledBack: 1, Notifications: 3, Unfinished: 1, Withdrawn: 1, Attempts: 2,
		Lost: 1, LostOrders: []string{"o-2"}, SentForRolledBack: 1, SentForRolledBackOrders: []string{"o-1"},
	}
	got := summarize(orders, compare(policyLadder(), orders, requests, standings))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	var sum Figures
	sum.add(got)
	sum.add(got)
	if sum.Lost != 2 || sum.OrdersCommitted != 4 || len(sum.LostOrders) != 2 || sum.Attempts != 4 {
		t.Errorf("twice that is %+v", sum)
	}
}

// A scene that broke its promise says so, and fails the whole.
func TestBrokenPromise(t *testing.T) {
	t.Parallel()
	good := func() Summary {
		return Summary{Scene: sceneAll, Scenes: Scenes{
			Notify: &NotifySummary{OK: true}, Push: &PushSummary{OK: true},
			Question: &QuestionSummary{OK: true}, Close: &CloseSummary{OK: true}, Scan: &ScanSummary{OK: true},
		}}
	}
	if s := good(); !s.OK() || strings.Contains(reported(t, Options{}, s), "BROKEN") {
		t.Error("nothing was broken")
	}
	for name, plant := range map[string]func(*Summary){
		"lost":     func(s *Summary) { s.Lost = 1 },
		"notify":   func(s *Summary) { s.Scenes.Notify.OK = false },
		"push":     func(s *Summary) { *s.Scenes.Push = PushSummary{SentBeforeRelease: 1, OutOfOrder: 1} },
		"question": func(s *Summary) { *s.Scenes.Question = QuestionSummary{HookedTwice: 1} },
		"scan":     func(s *Summary) { *s.Scenes.Scan = ScanSummary{EnqueuedTwice: 1} },
		"close":    func(s *Summary) { *s.Scenes.Close = CloseSummary{PaidAndClosed: 1} },
	} {
		s := good()
		plant(&s)
		if s.OK() {
			t.Errorf("%s is not seen", name)
		}
		if said := reported(t, Options{}, s); (name != "lost" && name != "notify") != strings.Contains(said, "BROKEN") {
			t.Errorf("%s:\n%s", name, said)
		}
	}
}
