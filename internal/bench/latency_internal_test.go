package bench

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/bench/merchant"
)

func TestLatencies(t *testing.T) {
	t.Parallel()
	at := time.Unix(1000, 0)
	arrival := func(id string, after time.Duration) merchant.Arrival {
		return merchant.Arrival{ID: id, At: at.Add(after).UnixNano()}
	}
	from := map[string]time.Time{"a": at, "b": at.Add(time.Second)}
	for name, test := range map[string]struct {
		arrivals []merchant.Arrival
		want     []float64
		missing  bool
	}{
		"both":             {arrivals: []merchant.Arrival{arrival("a", 2*time.Millisecond), arrival("b", 1500*time.Millisecond)}, want: []float64{2, 500}},
		"before we knew":   {arrivals: []merchant.Arrival{arrival("a", -time.Millisecond), arrival("b", time.Second)}, want: []float64{0, 0}},
		"the first counts": {arrivals: []merchant.Arrival{arrival("a", 0), arrival("a", time.Second), arrival("b", time.Second)}, want: []float64{0, 0}},
		"a stranger":       {arrivals: []merchant.Arrival{arrival("a", 0), arrival("z", 0), arrival("b", time.Second)}, want: []float64{0, 0}},
		"one is missing":   {arrivals: []merchant.Arrival{arrival("a", 0), arrival("a", 0)}, missing: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := latencies(from, test.arrivals)
			if (err != nil) != test.missing {
				t.Errorf("error: %v", err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("latencies (-want +got):\n%s", diff)
			}
		})
	}
}
