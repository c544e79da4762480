package demo

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

// PushSummary is what came of the scene push.
type PushSummary struct {
	Figures
	// Pushed are the events that partners have taken.
	Pushed int `json:"pushed"`
	// Held are the orders that are not complete, so that nothing of them may be sent.
	Held int `json:"held"`
	// SentBeforeRelease are the requests that came before their order was complete, or for
	// a state that was replaced before that; OutOfOrder those that came before an earlier
	// event of the order had been taken. Both are 0, or a promise was broken.
	SentBeforeRelease int `json:"sent_before_release"`
	OutOfOrder        int `json:"out_of_order"`
	// Superseded were replaced by a newer state before they were sent.
	Superseded int `json:"superseded"`
	// WaitingForDown wait for the partner that is down.
	WaitingForDown int `json:"waiting_for_down"`
	// P50 and P99 are the times from complete to arrival at the other partners, in ms.
	P50 float64 `json:"complete_to_arrival_p50_ms"`
	P99 float64 `json:"complete_to_arrival_p99_ms"`
	OK  bool    `json:"ok"`

	// EarlyOrders and DisorderedOrders name the first of what is wrong, if anything is.
	EarlyOrders      []string `json:"sent_before_release_orders,omitempty"`
	DisorderedOrders []string `json:"out_of_order_orders,omitempty"`
}

func (s PushSummary) kept() bool { return s.SentBeforeRelease == 0 && s.OutOfOrder == 0 }

func (s PushSummary) broken() (promises []string) {
	if s.SentBeforeRelease > 0 {
		promises = append(promises, fmt.Sprintf("%d sent before the order was complete%s", s.SentBeforeRelease, named(s.EarlyOrders)))
	}
	if s.OutOfOrder > 0 {
		promises = append(promises, fmt.Sprintf("%d sent out of order%s", s.OutOfOrder, named(s.DisorderedOrders)))
	}
	return promises
}

// comparePush holds the partners' log against the shop's. complete is when each order was
// released. It is pure; the figures that all scenes have are not in it.
func comparePush(ladder outbox.Ladder, of logs, standings []standing, complete map[string]time.Duration) PushSummary {
	var s PushSummary
	requests := slices.SortedStableFunc(slices.Values(of.requests), func(a, b request) int { return int(a.at - b.at) })
	early, arrivals := judgeReleases(of.orders, requests, complete)
	disordered := judgeOrder(ladder, of.orders, requests)
	s.SentBeforeRelease, s.EarlyOrders = len(early), firstOf(early)
	s.OutOfOrder, s.DisorderedOrders = len(disordered), firstOf(disordered)
	s.P50, s.P99 = percentile(arrivals, 50), percentile(arrivals, 99)
	s.Pushed = len(acknowledgements(requests))

	merchantOf := make(map[subject]int, len(of.orders))
	for _, o := range of.orders {
		merchantOf[subject{o.id, o.no}] = o.merchant
	}
	for _, stand := range standings {
		switch {
		case stand.State == outbox.Held:
			s.Held++
		case stand.State == outbox.Superseded:
			s.Superseded++
		case !stand.State.Finished() && merchantOf[subject{stand.ID, stand.OrderNo}] == partnerDown:
			s.WaitingForDown++
		}
	}
	return s
}

// judgeReleases returns a line for each request that came too early, and how long the
// first request took to arrive once its order was complete.
func judgeReleases(orders []order, requests []request, complete map[string]time.Duration) (early []string, arrivals []time.Duration) {
	held := make(map[subject]order)
	for _, o := range orders {
		if o.held {
			held[subject{o.id, o.no}] = o
		}
	}
	arrived := make(map[subject]bool)
	for _, r := range requests {
		about := subject{r.id, r.orderNo}
		o, ok := held[about]
		if !ok {
			continue
		}
		released, is := complete[r.orderNo]
		if !is || r.at < released || o.withdrawn {
			early = append(early, r.orderNo)
		} else if !arrived[about] {
			arrivals = append(arrivals, r.at-released)
		}
		arrived[about] = true
	}
	return early, arrivals
}

// judgeOrder returns a line for each request that came although an earlier notification
// of the order had neither been acknowledged nor had its whole ladder. The shop's log has
// them in the order of their commits, the requests come in that of their arrival.
func judgeOrder(ladder outbox.Ladder, orders []order, requests []request) (disordered []string) {
	sequence := make(map[string][]order)
	for _, o := range orders {
		if o.fate == committed {
			sequence[o.no] = append(sequence[o.no], o)
		}
	}
	acknowledged := acknowledgements(requests)
	tried := make(map[string]int)
	for _, r := range requests {
		tried[r.id]++
		for _, before := range sequence[r.orderNo] {
			if before.id == r.id {
				break
			}
			at, taken := acknowledged[subject{before.id, before.no}]
			over := taken && at <= r.at || tried[before.id] >= ladder.Attempts() || before.withdrawn
			if !over {
				disordered = append(disordered, r.orderNo)
				break
			}
		}
	}
	return disordered
}

// percentile is of durations in any order, in ms; 0 of none.
func percentile(of []time.Duration, p int) float64 {
	if len(of) == 0 {
		return 0
	}
	of = slices.Sorted(slices.Values(of))
	at := of[min(len(of)*p/100, len(of)-1)]
	return math.Round(float64(at.Microseconds())/100) / 10
}
