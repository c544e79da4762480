package bench

import (
	"slices"
	"time"
)

// median is the middle value, or the mean of the two in the middle; 0 of none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// percentile is the smallest value that is not below p percent of all, by nearest
// rank; 0 of none. p is above 0 and at most 100.
func percentile(values []float64, p float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	rank := int(float64(len(sorted))*p/100 + 0.999999999)
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// ratios divides each round's figure by the yardstick of the same round. A round
// that lacks one, or whose yardstick is 0, has none.
func ratios(figures, yardsticks []float64) []float64 {
	var found []float64
	for i := range min(len(figures), len(yardsticks)) {
		if yardsticks[i] != 0 {
			found = append(found, figures[i]/yardsticks[i])
		}
	}
	return found
}

// ms are durations in milliseconds.
func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// perSecond is a rate; 0 where no time has passed.
func perSecond(n int, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return float64(n) / d.Seconds()
}
