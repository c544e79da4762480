package bench

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestMedian(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		values []float64
		want   float64
	}{
		{nil, 0},
		{[]float64{7}, 7},
		{[]float64{9, 1}, 5},
		{[]float64{100, 1, 2}, 2},
		{[]float64{4, 1, 3, 2}, 2.5},
	} {
		if got := median(test.values); got != test.want {
			t.Errorf("the median of %v is %v, want %v", test.values, got, test.want)
		}
	}
}

func TestPercentile(t *testing.T) {
	t.Parallel()
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[99-i] = float64(i + 1)
	}
	for _, test := range []struct {
		values  []float64
		p, want float64
	}{
		{nil, 50, 0},
		{[]float64{3}, 1, 3},
		{[]float64{3}, 99, 3},
		{[]float64{2, 1}, 50, 1},
		{[]float64{2, 1}, 51, 2},
		{hundred, 50, 50},
		{hundred, 99, 99},
		{hundred, 99.5, 100},
		{hundred, 100, 100},
	} {
		if got := percentile(test.values, test.p); got != test.want {
			t.Errorf("percentile %v of %d values is %v, want %v", test.p, len(test.values), got, test.want)
		}
	}
}

// The values stay as they were: rounds are paired by their order.
func TestStatsLeaveTheOrder(t *testing.T) {
	t.Parallel()
	values := []float64{3, 1, 2}
	median(values)
	percentile(values, 50)
	if diff := cmp.Diff([]float64{3, 1, 2}, values); diff != "" {
		t.Error(diff)
	}
}

func TestRatios(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ figures, yardsticks, want []float64 }{
		{nil, []float64{1}, nil},
		{[]float64{1}, nil, nil},
		{[]float64{1, 9}, []float64{2, 3}, []float64{0.5, 3}},
		{[]float64{1, 9}, []float64{2}, []float64{0.5}},
		{[]float64{1, 9}, []float64{0, 3}, []float64{3}},
	} {
		if diff := cmp.Diff(test.want, ratios(test.figures, test.yardsticks)); diff != "" {
			t.Errorf("%v by %v: %s", test.figures, test.yardsticks, diff)
		}
	}
}

func TestRates(t *testing.T) {
	t.Parallel()
	if got := perSecond(30, 2*time.Second); got != 15 {
		t.Errorf("30 in 2 s are %v a second", got)
	}
	if got := perSecond(30, 0); got != 0 {
		t.Errorf("30 in no time are %v a second", got)
	}
	if got := perMinute(3, 30*time.Second); got != 6 {
		t.Errorf("3 in half a minute are %v a minute", got)
	}
	if got := per10000(3*time.Second, 10_000); got != 3 {
		t.Errorf("3 s for 10,000 are %v s", got)
	}
	if got := ms(1500 * time.Microsecond); got != 1.5 {
		t.Errorf("1.5 ms are %v", got)
	}
}
