package main_test

import (
	"strings"
	"syscall"
	"testing"

	"github.com/orderbell/orderbell/internal/merchanttest"
)

// A copy of a database sends nothing and says why, until somebody adopts it; then
// the same worker goes on.
func TestACopyIsAdopted(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	merchant := merchanttest.New(t)
	s.endpoint("m-1", merchant.URL)
	s.exec("update orderbell.setting set cluster = '7301/5'") // as it comes from a dump
	s.enqueue("m-1", "o-1")

	w := start(t, s.env(), "work")
	w.says("its notifications belong to 7301/5: nothing is sent from a copy")
	w.says("orderbell adopt")
	run(t, s.env(), "status").wants(t, 1, "due now", "nothing is sent from a copy; if they are to be sent from here: orderbell adopt")
	run(t, s.env(), "status", "--json").wants(t, 1, "\"problems\": [\n    \"this database is", "orderbell adopt")
	if n := len(merchant.Requests()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}

	run(t, s.env(), "adopt").wants(t, 0, "is at home now; 1 notification is due and will be sent\n", "")
	merchant.Wait(withTimeout(t), 1)
	w.says("the database is back")
	run(t, s.env(), "adopt").wants(t, 0, "was at home already", "")
	w.signal(syscall.SIGTERM)
	if status := w.wait(); status != 0 {
		t.Errorf("it ended with %d", status)
	}
	if n := strings.Count(w.stderr.String(), "nothing is sent from a copy"); n != 1 {
		t.Errorf("it said so %d times", n)
	}
}

// Paused, a worker sends nothing, and says so.
func TestPausedWorkerSendsNothing(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	merchant := merchanttest.New(t)
	s.endpoint("m-1", merchant.URL)
	s.enqueue("m-1", "o-1")
	w := start(t, s.env(), "work", "--paused")
	w.says("paused: nothing is sent")
	w.says("worker starts")
	w.signal(syscall.SIGTERM)
	if status := w.wait(); status != 0 {
		t.Errorf("it ended with %d", status)
	}
	if n := len(merchant.Requests()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
	start(t, s.env(), "work")
	merchant.Wait(withTimeout(t), 1)
}
