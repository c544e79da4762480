package main_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/merchanttest"
)

const starts = "worker starts"

func TestStopWithARequestInFlight(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	merchant := merchanttest.New(t)
	answer := make(chan struct{})
	merchant.Script("", merchanttest.Answer{Body: "success", Until: answer})
	s.endpoint("m-1", merchant.URL)
	s.enqueue("m-1", "o-1")
	worker := start(t, s.env(), "work")
	merchant.Wait(withTimeout(t), 1)
	s.enqueue("m-1", "o-2") // from here on nothing new is begun
	merchant.Wait(withTimeout(t), 2)

	worker.signal(syscall.SIGTERM)
	worker.says("stopping when the requests in flight have their answers")
	s.enqueue("m-1", "o-3")
	close(answer)
	if status := worker.wait(); status != 0 {
		t.Errorf("status %d", status)
	}
	const states = "select string_agg(order_no || ' ' || state || ' ' || attempt_count, ', ' order by order_no) from orderbell.notification_status"
	if got, want := s.get(states), "o-1 acknowledged 1, o-2 acknowledged 1, o-3 pending 0"; got != want {
		t.Errorf("the rows are %s, want %s", got, want)
	}
	if worker.stdout.String() != "" {
		t.Errorf("standard output has %s", worker.stdout.String())
	}
}

func TestSecondSignalHandsBack(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	merchant := merchanttest.New(t)
	merchant.Script("", merchanttest.Broken(merchanttest.Hang))
	s.endpoint("m-1", merchant.URL)
	s.enqueue("m-1", "o-1")
	worker := start(t, s.env(), "work")
	merchant.Wait(withTimeout(t), 1)

	worker.signal(syscall.SIGINT)
	worker.says("stopping when the requests in flight have their answers")
	worker.signal(syscall.SIGTERM)
	if status := worker.wait(); status != 0 {
		t.Errorf("status %d", status)
	}
	const row = `select format('%s %s, rung %s, due %s, attempt %s %s', state, attempt_count, rung, next_attempt_at <= clock_timestamp(), last_outcome,
		(select count(*) from orderbell.attempt)) from orderbell.notification_status`
	if got, want := s.get(row), "pending 1, rung 0, due t, attempt interrupted 1"; got != want {
		t.Errorf("the row is: %s, want: %s", got, want)
	}
}

// The timeout hands back what has no answer by then, without a second signal; what
// was answered before is as good as ever.
func TestShutdownTimeoutHandsBack(t *testing.T) {
	t.Parallel()
	const timeout = 3 * time.Second
	s := newShop(t)
	merchant := merchanttest.New(t)
	answer := make(chan struct{})
	merchant.Script("", merchanttest.Broken(merchanttest.Hang))
	merchant.Script("answered", merchanttest.Answer{Body: "success", Until: answer})
	s.endpoint("m-1", merchant.URL)
	for _, order := range []string{"answered", "hangs 1", "hangs 2", "hangs 3"} {
		s.enqueue("m-1", order)
	}
	worker := start(t, s.env("ORDERBELL_WORKER_SHUTDOWN_TIMEOUT="+timeout.String()), "work")
	merchant.Wait(withTimeout(t), 4)

	signalled := time.Now()
	worker.signal(syscall.SIGTERM)
	worker.says("stopping when the requests in flight have their answers")
	close(answer)
	if status := worker.wait(); status != 0 {
		t.Errorf("status %d", status)
	}
	if took := time.Since(signalled); took < timeout {
		t.Errorf("it has ended after %s, before its timeout", took)
	}
	const rows = `select string_agg(format('%s: %s, rung %s, due %s, %s attempt, %s', n.order_no, n.state, n.rung,
		n.next_attempt_at <= clock_timestamp(), n.attempt_count, h.outcome), E'\n' order by n.order_no)
		from orderbell.notification_status n join orderbell.delivery_history h on h.notification_id = n.id`
	want := `answered: acknowledged, rung 0, due , 1 attempt, acknowledged
hangs 1: pending, rung 0, due t, 1 attempt, interrupted
hangs 2: pending, rung 0, due t, 1 attempt, interrupted
hangs 3: pending, rung 0, due t, 1 attempt, interrupted`
	if diff := cmp.Diff(want, s.get(rows)); diff != "" {
		t.Errorf("the rows differ from what is wanted:\n%s", diff)
	}
}

// Somebody's open transaction keeps the result from being settled, so that the
// second signal alone does not end the worker.
func TestThirdSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	merchant := merchanttest.New(t)
	merchant.Script("", merchanttest.Broken(merchanttest.Hang))
	s.endpoint("m-1", merchant.URL)
	s.enqueue("m-1", "o-1")
	worker := start(t, s.env(), "work")
	merchant.Wait(withTimeout(t), 1)
	tx, err := s.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(t.Context())
	if _, err := tx.Exec(t.Context(), "select from orderbell.delivery for update"); err != nil {
		t.Fatal(err)
	}

	for _, says := range []string{"stopping when", "stopping now", "ended at once"} {
		worker.signal(syscall.SIGTERM)
		worker.says(says)
	}
	if status := worker.wait(); status != 1 {
		t.Errorf("status %d", status)
	}
	if state := s.get("select state::text from orderbell.delivery"); state != "in_flight" {
		t.Errorf("the row is %s: the worker has settled", state)
	}
}

// With one slot each, two requests at the same time can only be of two workers.
func TestTwoWorkersShareTheRows(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	merchant := merchanttest.New(t)
	answer := make(chan struct{})
	merchant.Script("", merchanttest.Answer{Body: "success", Until: answer})
	s.endpoint("m-1", merchant.URL)
	workers := []*process{}
	for _, name := range []string{"left", "right"} {
		worker := start(t, s.env("ORDERBELL_WORKER_NAME="+name, "ORDERBELL_WORKER_CONCURRENCY=1"), "work")
		worker.says(starts)
		workers = append(workers, worker)
	}
	const orders = 100
	for n := range orders {
		s.enqueue("m-1", fmt.Sprintf("o-%d", n))
	}
	merchant.Wait(withTimeout(t), 2)
	s.becomes("left,right", "select coalesce(string_agg(split_part(claimed_by, '/', 1), ',' order by claimed_by), '') from orderbell.delivery where state = 'in_flight'")
	close(answer)
	s.becomes("0", "select count(*)::text from orderbell.delivery")
	for _, worker := range workers {
		worker.signal(syscall.SIGTERM)
		if status := worker.wait(); status != 0 {
			t.Errorf("status %d", status)
		}
	}
	if got := len(merchant.Requests()); got != orders {
		t.Errorf("%d requests for %d orders", got, orders)
	}
	if overlaps := merchant.Overlaps(); len(overlaps) > 0 {
		t.Errorf("sent twice at once: %v", overlaps)
	}
	const tally = "select format('%s by %s', count(*), count(distinct worker)) from orderbell.attempt where outcome = 'acknowledged'"
	if got, want := s.get(tally), fmt.Sprintf("%d by 2", orders); got != want {
		t.Errorf("acknowledged %s workers, want %s", got, want)
	}
}

func TestWorkWaitsForItsDatabase(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	merchant := merchanttest.New(t)
	s.endpoint("m-1", merchant.URL)
	s.enqueue("m-1", "o-1")
	door := newDoor(t, s.url)
	worker := start(t, s.env("ORDERBELL_DATABASE_URL="+door.url), "work")
	worker.says("the database cannot be reached; trying again")
	door.knocks(3)
	if n := strings.Count(worker.stderr.String(), "cannot be reached"); n != 1 {
		t.Errorf("it was said %d times", n)
	}
	door.open()
	merchant.Wait(withTimeout(t), 1)
	s.becomes("acknowledged", "select state from orderbell.notification_status")
	worker.signal(syscall.SIGTERM)
	if status := worker.wait(); status != 0 {
		t.Errorf("status %d", status)
	}
}

func TestStopWhileWaitingForTheDatabase(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		worker := start(t, []string{"ORDERBELL_DATABASE_URL=postgres://u:secretword@" + closedPort(t) + "/x"}, "work")
		worker.says("the database cannot be reached; trying again")
		worker.signal(signal)
		if status := worker.wait(); status != 0 {
			t.Errorf("status %d", status)
		}
		if log := worker.stderr.String(); strings.Contains(log, "orderbell: ") || strings.Contains(log, "secretword") {
			t.Errorf("standard error has %s", log)
		}
	}
}
