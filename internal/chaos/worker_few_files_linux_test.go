package chaos_test

import (
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/orderbell/orderbell/internal/chaos"
	"github.com/orderbell/orderbell/internal/pgtest"
)

// A worker may open hardly any files more: most of its requests fail. Nothing is lost,
// and when it may again, everything is acknowledged.
func TestFewFiles(t *testing.T) {
	t.Parallel()
	h := chaos.New(t, chaos.Options{Endpoints: []chaos.Endpoint{
		{Name: "m-1", Temper: chaos.Slow(200 * time.Millisecond), Ladder: []time.Duration{
			time.Second, time.Second, time.Second, time.Second, time.Second, time.Second, time.Second, time.Second, time.Second, time.Second,
		}},
	}})
	w1 := h.Work("w1")
	h.Enqueue("m-1") // which opens its connections
	h.AtRest()
	var was unix.Rlimit
	few := unix.Rlimit{Cur: uint64(w1.Descriptors()) + 4}
	if err := unix.Prlimit(w1.PID(), unix.RLIMIT_NOFILE, nil, &was); err != nil {
		t.Fatal(err)
	}
	few.Max = was.Max
	if err := unix.Prlimit(w1.PID(), unix.RLIMIT_NOFILE, &few, nil); err != nil {
		t.Fatal(err)
	}
	h.EnqueueMany("m-1", 200)
	pgtest.Eventually(t, time.Minute, "a request to fail", func() error {
		if h.Text("select count(*) > 10 from orderbell.attempt where error like '%too many open files%'") != "true" {
			return errors.New("few have")
		}
		return nil
	})
	t.Log(h.Outcomes())
	if err := unix.Prlimit(w1.PID(), unix.RLIMIT_NOFILE, &was, nil); err != nil {
		t.Fatal(err)
	}
	h.AtRest()
	h.Check()
	t.Log(h.Outcomes())
	if n := h.Text("select count(*) from orderbell.finished where state = 'acknowledged'"); n != "201" {
		t.Errorf("%s of 201 are acknowledged", n)
	}
	h.Bound("lines a second of w1", int64(w1.BusiestSecond("")), 6)
	stopped(t, w1)
}
