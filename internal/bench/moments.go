package bench

import (
	"cmp"
	"slices"
	"time"

	"github.com/orderbell/orderbell/internal/bench/merchant"
)

// waits are the times from commit to arrival, in milliseconds, at least 0. A message
// that had not arrived when the wait for it was given up counts the time until then:
// less than it took, but not nothing. missing says how many those are.
func waits(messages []committed, arrivals map[string]merchant.Arrival, givenUp time.Time) (found []float64, missing int) {
	for _, m := range messages {
		at := givenUp
		if a, arrived := arrivals[m.id]; arrived {
			at = time.Unix(0, a.At)
		} else {
			missing++
		}
		found = append(found, max(ms(at.Sub(m.at)), 0))
	}
	return found, missing
}

// mostAtOnce is how many requests were there at the same moment, from their arrivals
// to their answers. One that has no answer is there to the end.
func mostAtOnce(arrivals []merchant.Arrival) int {
	type change struct {
		at int64
		by int
	}
	var changes []change
	for _, a := range arrivals {
		changes = append(changes, change{a.At, 1})
		if a.Answered != 0 {
			changes = append(changes, change{a.Answered, -1})
		}
	}
	slices.SortFunc(changes, func(a, b change) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.by, b.by)) // who leaves makes room
	})
	most, now := 0, 0
	for _, c := range changes {
		now += c.by
		most = max(most, now)
	}
	return most
}

// mostWithin is how many requests arrived within any one span of time, wherever that
// begins. Of two that are exactly the span apart, one is outside.
func mostWithin(arrivals []merchant.Arrival, span time.Duration) int {
	at := moments(arrivals)
	most, first := 0, 0
	for i := range at {
		for at[i]-at[first] >= span.Nanoseconds() {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// begunPerSecond is the mean rate of arrivals between the first and the last; 0 of
// fewer than two.
func begunPerSecond(arrivals []merchant.Arrival) float64 {
	at := moments(arrivals)
	if len(at) == 0 {
		return 0
	}
	return perSecond(len(at)-1, time.Duration(at[len(at)-1]-at[0]))
}

// buckets are the rates of arrivals, a second, in count spans after a moment.
func buckets(arrivals []merchant.Arrival, from time.Time, span time.Duration, count int) []float64 {
	found := make([]int, count)
	for _, a := range arrivals {
		if since := a.At - from.UnixNano(); since >= 0 && since < span.Nanoseconds()*int64(count) {
			found[since/span.Nanoseconds()]++
		}
	}
	rates := make([]float64, count)
	for i, n := range found {
		rates[i] = perSecond(n, span)
	}
	return rates
}

// moments are the arrivals' times in their order.
func moments(arrivals []merchant.Arrival) []int64 {
	at := make([]int64, len(arrivals))
	for i, a := range arrivals {
		at[i] = a.At
	}
	slices.Sort(at)
	return at
}
