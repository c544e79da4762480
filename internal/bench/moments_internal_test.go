package bench

import (
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/bench/merchant"
)

// visit is a request from one millisecond to another; to 0: without an answer.
func visit(id string, from, to int64) merchant.Arrival {
	a := merchant.Arrival{ID: id, At: from * int64(time.Millisecond)}
	if to != 0 {
		a.Answered = to * int64(time.Millisecond)
	}
	return a
}

func visits(from ...int64) []merchant.Arrival {
	var all []merchant.Arrival
	for _, at := range from {
		all = append(all, visit("", at, at))
	}
	return all
}

func TestWaits(t *testing.T) {
	t.Parallel()
	at := func(ms int64) time.Time { return time.Unix(0, ms*int64(time.Millisecond)) }
	messages := []committed{{"soon", at(1000)}, {"before we knew", at(2000)}, {"never", at(3000)}, {"late", at(1000)}}
	arrivals := map[string]merchant.Arrival{
		"soon": visit("soon", 1002, 0), "before we knew": visit("", 1999, 0), "late": visit("", 3500, 0), "a stranger": visit("", 1, 0),
	}
	found, missing := waits(messages, arrivals, at(9000))
	if diff := cmp.Diff([]float64{2, 0, 6000, 2500}, found); diff != "" || missing != 1 {
		t.Errorf("%d missing; waits (-want +got):\n%s", missing, diff)
	}
}

func TestMostAtOnce(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		visits []merchant.Arrival
		want   int
	}{
		"none":              {},
		"one":               {[]merchant.Arrival{visit("", 1, 2)}, 1},
		"one after another": {[]merchant.Arrival{visit("", 1, 2), visit("", 2, 3), visit("", 4, 5)}, 1},
		"one within":        {[]merchant.Arrival{visit("", 1, 9), visit("", 2, 3), visit("", 4, 5)}, 2},
		"out of order":      {[]merchant.Arrival{visit("", 4, 6), visit("", 5, 7), visit("", 1, 9)}, 3},
		"at one moment":     {[]merchant.Arrival{visit("", 1, 2), visit("", 1, 2)}, 2},
		"without an answer": {[]merchant.Arrival{visit("", 1, 0), visit("", 8, 9), visit("", 9, 0)}, 2},
	} {
		if got := mostAtOnce(test.visits); got != test.want {
			t.Errorf("%s: %d at once, want %d", name, got, test.want)
		}
	}
}

func TestMostWithin(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		at   []int64
		want int
	}{
		"none":                       {},
		"one":                        {[]int64{5}, 1},
		"exactly a second apart":     {[]int64{0, 1000, 2000}, 1},
		"just under":                 {[]int64{0, 999}, 2},
		"across a second's boundary": {[]int64{0, 900, 950, 1050, 1100, 3000}, 4},
		"out of order":               {[]int64{1100, 0, 1050, 900}, 3},
		"at one moment":              {[]int64{7, 7, 7}, 3},
	} {
		if got := mostWithin(visits(test.at...), time.Second); got != test.want {
			t.Errorf("%s: %d within a second, want %d", name, got, test.want)
		}
	}
}

func TestBegunPerSecond(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		at   []int64
		want float64
	}{
		{nil, 0},
		{[]int64{5}, 0},
		{[]int64{2000, 0, 500, 1000, 1500}, 2},
	} {
		if got := begunPerSecond(visits(test.at...)); got != test.want {
			t.Errorf("%v: %v a second, want %v", test.at, got, test.want)
		}
	}
}

func TestBuckets(t *testing.T) {
	t.Parallel()
	from := time.Unix(0, 1000*int64(time.Millisecond))
	got := buckets(visits(999, 1000, 1499, 1500, 2499, 2500, 9999), from, 500*time.Millisecond, 3)
	if diff := cmp.Diff([]float64{4, 2, 2}, got); diff != "" {
		t.Errorf("rates (-want +got):\n%s", diff)
	}
}

// Who is asked is decided by the number of the order alone, so that rounds and both
// sides are alike; and everybody gets about as much.
func TestCrowdChoice(t *testing.T) {
	t.Parallel()
	c := crowd{healthy: 1000, hung: 300}
	orders := c.plan(20_000)
	if diff := cmp.Diff(orders, c.plan(20_000)); diff != "" {
		t.Errorf("the same orders, chosen again (-first +second):\n%s", diff)
	}
	hung, asked := 0, map[string]bool{}
	for _, endpoint := range orders {
		if !healthy(endpoint) {
			hung++
		}
		asked[endpoint] = true
	}
	if share := float64(hung) / float64(len(orders)); share < 0.28 || share > 0.32 {
		t.Errorf("%v of the orders go to those that hang", share)
	}
	if len(asked) != 1000 || !asked["hung-300"] || asked["hung-301"] || asked["shop-300"] || !asked["shop-301"] {
		t.Errorf("%d endpoints are asked", len(asked))
	}
	for _, endpoint := range (crowd{healthy: 10}).plan(100) {
		if !healthy(endpoint) {
			t.Fatalf("%s hangs where nobody does", endpoint)
		}
	}
}

// A load in which nothing was sent says nothing, however alike its figures are.
func TestVoidLoads(t *testing.T) {
	t.Parallel()
	began := time.Unix(1000, 0)
	orders := []committed{{"a", began}, {"b", began}}
	one := map[string]merchant.Arrival{"a": visit("a", 1_000_001, 0)}
	both := map[string]merchant.Arrival{"a": one["a"], "b": visit("b", 1_000_002, 0)}
	for name, test := range map[string]struct {
		load     string
		healthy  []bool
		arrivals map[string]merchant.Arrival
		hanging  int64
		void     bool
	}{
		"quiet, all arrived":            {load: loadQuiet, healthy: []bool{true, true}, arrivals: both},
		"quiet, one is missing":         {load: loadQuiet, healthy: []bool{true, true}, arrivals: one, void: true},
		"quiet, and something hangs":    {load: loadQuiet, healthy: []bool{true, true}, arrivals: both, hanging: 1, void: true},
		"one hangs, one is missing":     {load: loadOne, healthy: []bool{true, true}, arrivals: one, hanging: 1},
		"nothing is sent to what hangs": {load: loadPart, healthy: []bool{true, false}, arrivals: one, void: true},
	} {
		f := loaded{orders: orders, healthy: test.healthy, began: began, arrivals: test.arrivals, atOnce: test.hanging}
		if err := (load{name: test.load}).void(f); (err != nil) != test.void {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Only the healthy ones count, and each order in the part in which it was committed.
func TestLoadReport(t *testing.T) {
	t.Parallel()
	began := time.Unix(1, 0)
	at := func(ms int64) time.Time { return time.Unix(0, ms*int64(time.Millisecond)) }
	f := loaded{
		began:   began,
		orders:  []committed{{"a", at(1000)}, {"b", at(1099)}, {"hung", at(1050)}, {"c", at(1100)}, {"never", at(1200)}},
		healthy: []bool{true, true, false, true, true},
		arrivals: map[string]merchant.Arrival{
			"a": visit("a", 1001, 0), "b": visit("b", 1109, 0), "c": visit("c", 1102, 0), "hung": visit("hung", 9999, 0),
		},
		givenUp: at(1500), atOnce: 7,
	}
	b := newBook(newNeighbours(Options{}), began, io.Discard)
	load{name: loadOne, cold: 100 * time.Millisecond, warm: time.Second}.report(b, f)
	want := map[string][]float64{
		loadOne + ofP50: {2}, loadOne + ofP99: {300}, loadOne + ofMax: {300}, loadOne + ofMissing: {1}, loadOne + ofHanging: {7},
		loadOne + ofColdP99: {10}, loadOne + ofColdMax: {10}, loadOne + ofWarmP99: {300}, loadOne + ofWarmMax: {300},
	}
	if diff := cmp.Diff(want, b.figures); diff != "" {
		t.Errorf("figures (-want +got):\n%s", diff)
	}
	if b.notes[loadOne+ofP99] == "" {
		t.Error("nothing says that an order is missing")
	}
}

// The worst endpoint counts, and only for the limits that it has.
func TestLimitsReport(t *testing.T) {
	t.Parallel()
	five := []merchant.Arrival{visit("", 0, 10), visit("", 1, 10), visit("", 2, 10), visit("", 3, 10), visit("", 4, 10)}
	six := append([]merchant.Arrival{visit("", 5, 9)}, five...)
	calm := visits(0, 1000, 2000)
	sent := map[string][]merchant.Arrival{
		"capped-1": five, "capped-2": six, "paced-1": visits(0, 500, 1000, 1499), "paced-2": calm, "both-1": calm, "both-2": calm,
	}
	b := newBook(newNeighbours(Options{}), time.Now(), io.Discard)
	if err := (limits{rows: 100}).report(b, sent); err != nil {
		t.Fatal(err)
	}
	if got := [][]float64{b.figures[figMostInFlight], b.figures[figMostBegun]}; !cmp.Equal(got, [][]float64{{6}, {3}}) {
		t.Errorf("most in flight and most begun are %v, want 6 and 3", got)
	}
	delete(sent, "both-2")
	if err := (limits{rows: 100}).report(b, sent); err == nil {
		t.Error("an endpoint that was sent nothing keeps its limits")
	}
}
