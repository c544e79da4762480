package chaos_test

import (
	"encoding/json"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/chaos"
	"github.com/orderbell/orderbell/internal/pgtest"
)

const (
	// lost is how many rows each killed worker has in flight.
	lost = 60
	// hour bounds what a recovery may take here: it is not how long it should.
	hour = time.Minute
)

// TestRecoveryTime tells how long it takes until everything that killed workers had in
// flight is sent again, with requests that may take 30 s, and no lease ended by hand.
// ORDERBELL_CHAOS_REPORT=FILE adds a line of JSON to that file.
func TestRecoveryTime(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var all []time.Duration
	for _, scene := range []struct {
		name    string
		renewed bool // its leases were renewed a moment before
		busy    bool // the other worker has much to do
	}{{"fresh leases", false, false}, {"renewed leases", true, false}, {"fresh leases, a busy heir", false, true}, {"renewed leases, a busy heir", true, true}} {
		t.Run(scene.name, func(t *testing.T) {
			took := recovery(t, scene.renewed, scene.busy)
			tellTimes(t, took)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
		})
	}
	t.Cleanup(func() { reportTimes(t, "recovery after SIGKILL", all) })
}

// recovery kills a worker, and returns how long each of its rows took to be sent again.
func recovery(t *testing.T, renewed, busy bool) (took []time.Duration) {
	t.Helper()
	t.Parallel()
	h := chaos.New(t, chaos.Options{Endpoints: []chaos.Endpoint{
		{Name: "m-1", Temper: atFirst(chaos.Hanging(nil), chaos.Prompt()), Timeout: 30 * time.Second},
		{Name: "m-2"},
	}})
	w1 := h.WorkWith(chaos.WorkerOptions{Name: "w1", Concurrency: lost})
	h.EnqueueMany("m-1", lost)
	arrived(t, h, lost)
	h.Work("w2")
	if busy {
		shop := h.Shop(chaos.ShopOptions{PerSecond: 50, Endpoints: []string{"m-2"}})
		defer shop.Close()
	}
	if renewed {
		last := h.Text("select max(leased_until) from orderbell.delivery where endpoint = 'm-1'")
		h.Becomes(strconv.Itoa(lost), "select count(*) from orderbell.delivery where endpoint = 'm-1' and leased_until > $1", last)
	}
	killed := time.Now()
	w1.Kill() // no merchant has answered: a duplicate is impossible
	pgtest.Eventually(t, hour, "everything to be sent again", func() error {
		took = took[:0]
		for _, r := range h.Requests() {
			if r.Endpoint == "m-1" && r.Nth == 2 {
				took = append(took, r.Arrived.Sub(killed))
			}
		}
		if len(took) < lost {
			return os.ErrNotExist
		}
		return nil
	})
	return took
}

// tellTimes logs how they are distributed.
func tellTimes(t *testing.T, took []time.Duration) (least, half, p99, most time.Duration) {
	t.Helper()
	slices.Sort(took)
	n := len(took)
	least, half, p99, most = took[0], took[n/2], took[(99*n-1)/100], took[n-1]
	t.Logf("%d rows: min %s, p50 %s, p99 %s, max %s", n, least, half, p99, most)
	return least, half, p99, most
}

func reportTimes(t *testing.T, what string, took []time.Duration) {
	t.Helper()
	file := os.Getenv("ORDERBELL_CHAOS_REPORT")
	if len(took) == 0 {
		return
	}
	least, half, p99, most := tellTimes(t, took)
	if file == "" {
		return
	}
	line, err := json.Marshal(map[string]any{
		"what": what, "rows": len(took), "min_ms": least.Milliseconds(), "p50_ms": half.Milliseconds(),
		"p99_ms": p99.Milliseconds(), "max_ms": most.Milliseconds(),
	})
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(append(line, '\n')); err != nil {
		t.Fatal(err)
	}
}
