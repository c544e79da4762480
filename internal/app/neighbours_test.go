package app_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/merchanttest"
	"github.com/orderbell/orderbell/internal/pgtest"
)

// fill writes n notifications for an endpoint, due since an hour, in bulk.
func (s *shop) fill(endpoint string, n int) {
	s.t.Helper()
	s.exec(`insert into orderbell.notification (endpoint, event, order_no, body, deliver_at)
		select $1, 'e', $1 || '-' || i, '{}', now() - interval '1 hour' from generate_series(1, $2) as i`, endpoint, n)
}

// acknowledged waits until so many notifications of endpoints like that are acknowledged.
func (s *shop) acknowledged(endpoints string, n int) {
	s.t.Helper()
	pgtest.Eventually(s.t, time.Minute, fmt.Sprintf("%d of %s are acknowledged", n, endpoints), func() error {
		if got := s.count(`select count(*) from orderbell.finished f join orderbell.notification n on n.id = f.notification_id
			where n.endpoint like $1 and f.state = 'acknowledged'`, endpoints); got < n {
			return fmt.Errorf("%d are", got)
		}
		return nil
	})
}

// closedDoor is an address at which nobody listens, and open lets merchants in there.
func closedDoor(t *testing.T) (url string, open func(http.Handler)) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	return "http://" + address, func(handler http.Handler) {
		t.Helper()
		listener, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}}
		server.Start()
		t.Cleanup(server.Close)
	}
}

var success = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "success") })

// One endpoint hangs with more rows than there are slots of any kind: the others are
// served as if it were not there.
func TestAnEndpointThatHangsHoldsUpNobody(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	hangs, well := merchanttest.New(t), merchanttest.New(t)
	hangs.Script("", merchanttest.Broken(merchanttest.Hang))
	shop.endpoint("hangs", hangs.URL, "standard")
	shop.fill("hangs", 1000)
	for i := range 50 {
		shop.endpoint(fmt.Sprintf("well-%d", i), well.URL, "standard")
	}
	c := shop.config("w1")
	c.Worker.Concurrency = 8
	c.Worker.ShutdownTimeout = 0
	shop.work(c)
	hangs.Wait(t.Context(), 8) // every prompt slot
	for i := range 50 {
		shop.enqueue(fmt.Sprintf("well-%d", i), fmt.Sprintf("o-%d", i), "{}")
	}
	shop.acknowledged("well-%", 50)
	if n := shop.count("select count(*) from orderbell.delivery where endpoint = 'hangs'"); n != 1000 {
		t.Errorf("%d rows are left of the endpoint that hangs", n)
	}
}

// A small endpoint is served in its turn, however large and old the backlog of others is.
func TestSmallEndpointsAreNotStarved(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	merchant := merchanttest.New(t)
	shop.endpoint("big", merchant.URL, "standard")
	shop.fill("big", 5000)
	shop.work(shop.config("w1"))
	merchant.Wait(t.Context(), 100)
	for i := range 20 {
		shop.endpoint(fmt.Sprintf("small-%d", i), merchant.URL, "standard")
		shop.enqueue(fmt.Sprintf("small-%d", i), fmt.Sprintf("small-%d", i), "{}")
	}
	shop.acknowledged("small-%", 20)
	if left := shop.count("select count(*) from orderbell.delivery where endpoint = 'big'"); left == 0 {
		t.Error("the backlog was served first")
	}
}

// A pause works at once and keeps every row; what is in flight finishes.
func TestPauseAndResume(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	merchant := merchanttest.New(t)
	answer := make(chan struct{})
	merchant.Script("first", merchanttest.Answer{Body: "success", Until: answer})
	shop.endpoint("paused", merchant.URL, "standard")
	shop.endpoint("other", merchant.URL, "standard")
	shop.work(shop.config("w1"))
	first := shop.enqueue("paused", "first", "{}")
	merchant.Wait(t.Context(), 1)

	shop.exec("select orderbell.pause(endpoint => 'paused', reason => 'they move')")
	shop.fill("paused", 500)
	shop.fill("other", 50)
	close(answer)
	if state, _ := shop.ended(first); state != "acknowledged" {
		t.Errorf("what was in flight is %s", state)
	}
	shop.acknowledged("other", 50)
	// A worker has made looks since: the other endpoint's rows came later.
	var state, explanation string
	var attempts int
	shop.get(`select state, explanation, attempt_count from orderbell.notification_status where order_no = 'paused-500'`, nil, &state, &explanation, &attempts)
	if got := shop.count("select count(*) from orderbell.delivery where endpoint = 'paused' and attempt_count = 0"); got != 500 || state != "pending" {
		t.Errorf("%d of 500 rows are untouched; one is %s: %s", got, state, explanation)
	}
	if n := len(merchant.Requests()); n != 51 {
		t.Errorf("%d requests", n)
	}
	shop.exec("select orderbell.resume(endpoint => 'paused')")
	shop.acknowledged("paused", 501)
}

// An endpoint that refuses connections is left alone after five attempts; its rows wait
// and spend no rung. When it is back, a probe finds out, and all of them go.
func TestBreaker(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	url, open := closedDoor(t)
	shop.endpoint("down", url, "standard")
	shop.fill("down", 200)
	for _, name := range []string{"w1", "w2"} {
		c := shop.config(name)
		c.Worker.Concurrency = 2
		shop.work(c)
	}
	health := func(wanted ...string) func() error {
		return func() error {
			var breaker string
			shop.get("select breaker from orderbell.endpoint_health where endpoint = 'down'", nil, &breaker)
			for _, w := range wanted {
				if breaker == w {
					return nil
				}
			}
			return fmt.Errorf("it is %s", breaker)
		}
	}
	pgtest.Eventually(t, 20*time.Second, "the breaker is open", health("open"))
	// One probe fails too.
	pgtest.Eventually(t, 20*time.Second, "a probe has failed", func() error {
		if n := shop.count("select coalesce(max(probes), 0) from orderbell.breaker"); n == 0 {
			return fmt.Errorf("none")
		}
		return nil
	})
	attempts, rungs := shop.count("select count(*) from orderbell.attempt"), shop.count("select sum(rung) from orderbell.delivery")
	// Five opened it; the other worker may have counted its own five, each had one more in
	// flight, and there were a probe or two.
	if rungs > 14 {
		t.Errorf("%d attempts and %d rungs behind an open breaker", attempts, rungs)
	}
	open(success)
	shop.acknowledged("down", 200)
	pgtest.Eventually(t, 20*time.Second, "the breaker is closed", health("closed"))
}

// busy is a merchant that knows how many requests it has at once.
type busy struct {
	mu        sync.Mutex
	now, most int
}

func (b *busy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	b.now++
	b.most = max(b.most, b.now)
	b.mu.Unlock()
	timer := time.NewTimer(5 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	}
	b.mu.Lock()
	b.now--
	b.mu.Unlock()
	fmt.Fprint(w, "success")
}

// Two workers together never have more requests in flight than max_in_flight says, nor
// begin more in a second than rate_per_second.
func TestTwoWorkersKeepTheLimits(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	merchant := &busy{}
	server := httptest.NewServer(merchant)
	t.Cleanup(server.Close)
	shop.endpoint("few", server.URL, "standard")
	shop.endpoint("slowly", server.URL+"/slowly", "standard")
	shop.exec("update orderbell.endpoint set max_in_flight = 3 where id = 'few'")
	for _, name := range []string{"w1", "w2"} {
		c := shop.config(name)
		c.Worker.Concurrency = 2 // each alone cannot fill it
		shop.work(c)
	}
	shop.fill("few", 600)
	shop.exec("select orderbell.ring()")
	shop.acknowledged("few", 600)
	if merchant.most > 3 {
		t.Errorf("%d requests at once, of 3 that are allowed", merchant.most)
	}

	shop.exec("update orderbell.endpoint set rate_per_second = 50 where id = 'slowly'")
	shop.fill("slowly", 150)
	shop.exec("select orderbell.ring()")
	shop.acknowledged("slowly", 150)
	if most := shop.count(`select max(in_a_second) from (
		select count(*) over (order by started_at range between current row and interval '999 ms' following) as in_a_second
		from orderbell.attempt where endpoint = 'slowly') windows`); most > 50 {
		t.Errorf("%d requests have begun in a second, of 50 that are allowed", most)
	}
}

// Our own network is gone: nobody can be reached. No notification spends more than one
// rung until it is back.
func TestOurOwnNetworkIsGone(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	shop.exec(`insert into orderbell.policy (name, ladder, acknowledge) values ('impatient', array_fill(interval '300 ms', array[6]), 'status == 200')`)
	const endpoints = 8
	var opens []func(http.Handler)
	for i := range endpoints {
		url, open := closedDoor(t)
		opens = append(opens, open)
		shop.endpoint(fmt.Sprintf("m-%d", i), url, "impatient")
	}
	shop.work(shop.config("w1"))
	for i := range endpoints {
		shop.enqueue(fmt.Sprintf("m-%d", i), fmt.Sprintf("o-%d", i), "{}")
	}
	pgtest.Eventually(t, 20*time.Second, "the worker has tried several times", func() error {
		if n := shop.count("select count(*) from orderbell.attempt where outcome = 'interrupted'"); n < 4 {
			return fmt.Errorf("%d times", n)
		}
		return nil
	})
	if most := shop.count("select max(rung) from orderbell.delivery"); most > 1 {
		t.Errorf("a notification has spent %d rungs", most)
	}
	for _, open := range opens {
		open(success)
	}
	shop.acknowledged("m-%", endpoints)
	if lost := shop.count("select count(*) from orderbell.finished where state <> 'acknowledged' or rung > 1"); lost != 0 {
		t.Errorf("%d notifications have lost more than a rung", lost)
	}
}
