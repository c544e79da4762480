package app_test

import (
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orderbell/orderbell/internal/pgtest"
)

// partner acknowledges most requests, and notes where one came out of its turn.
type partner struct {
	mu       sync.Mutex
	at       map[string]int // the last event of each order that was acknowledged
	requests int
	wrong    []string
}

func newPartner(t *testing.T) (*partner, *httptest.Server) {
	t.Helper()
	p := &partner{at: make(map[string]int)}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	return p, server
}

func (p *partner) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	order, event, _ := strings.Cut(string(body), "/")
	n, err := strconv.Atoi(event)
	if err != nil {
		http.Error(w, "no event", http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests++
	if n != p.at[order]+1 {
		p.wrong = append(p.wrong, fmt.Sprintf("%s: event %d after %d", order, n, p.at[order]))
	}
	switch chance := chance(r); {
	case chance < 30:
		w.WriteHeader(http.StatusInternalServerError)
	case chance < 31:
		panic(http.ErrAbortHandler) // the connection is cut
	default:
		p.at[order] = n
		fmt.Fprint(w, "success")
	}
}

// chance is one of a hundred, the same whenever the same attempt comes.
func chance(r *http.Request) uint32 {
	h := fnv.New32a()
	fmt.Fprint(h, r.Header.Get("Orderbell-Notification-Id"), r.Header.Get("Orderbell-Attempt"))
	return h.Sum32() % 100
}

// Five events of each of 2,000 orders, four workers, and a partner that fails three times
// of ten: every order's events arrive in the order in which they were committed, each
// after the one before was acknowledged. Half of the orders write their events at once in
// one INSERT of all of them, half in a transaction for each.
func TestSequencesArriveInOrder(t *testing.T) {
	t.Parallel()
	const bulk, single, events = 1000, 1000, 5
	shop := newShop(t)
	p, server := newPartner(t)
	shop.exec("insert into orderbell.policy (name, ladder, acknowledge) values ('patient', array_fill(interval '20 ms', array[60]), 'status == 200')")
	shop.endpoint("p-1", server.URL, "patient")
	for n := range 4 {
		shop.work(shop.config(fmt.Sprintf("w%d", n)))
	}
	shop.exec(`insert into orderbell.notification (endpoint, event, order_no, body, sequence_key)
		select 'p-1', 'e', 'bulk-' || o, 'bulk-' || o || '/' || e, 'bulk-' || o
		from generate_series(1, $1::int) o, generate_series(1, $2::int) e order by o, e`, bulk, events)
	var clerks sync.WaitGroup
	for clerk := range 4 {
		clerks.Go(func() {
			for o := clerk; o < single; o += 4 {
				for e := 1; e <= events; e++ {
					if err := shop.event("p-1", fmt.Sprintf("single-%d", o), e); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	clerks.Wait()
	pgtest.Eventually(t, 3*time.Minute, "all events are acknowledged", func() error {
		if n := shop.count("select count(*) from orderbell.finished where state = 'acknowledged'"); n < (bulk+single)*events {
			return fmt.Errorf("%d are", n)
		}
		return nil
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.wrong) > 0 {
		t.Errorf("%d requests of %d came out of their turn, the first: %s", len(p.wrong), p.requests, p.wrong[0])
	}
	if p.requests == (bulk+single)*events {
		t.Error("nothing has failed: the test shows little")
	}
	if n := shop.count("select count(*) from orderbell.delivery"); n != 0 {
		t.Errorf("%d rows are left", n)
	}
}

// event commits one event of an order, in a sequence of the order's own.
func (s *shop) event(endpoint, orderNo string, n int) error {
	return pgx.BeginFunc(s.t.Context(), s.db, func(tx pgx.Tx) error {
		_, err := tx.Exec(s.t.Context(), "select orderbell.enqueue($1, 'e', $2, $3, sequence_key => $2)",
			endpoint, orderNo, fmt.Sprintf("%s/%d", orderNo, n))
		return err
	})
}

// A sequence that stands still delays no other of its partner, and none of another's.
func TestAStandingSequenceDelaysNobody(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	p, server := newPartner(t)
	down, _ := closedDoor(t)
	shop.exec("insert into orderbell.policy (name, ladder, acknowledge) values ('patient', array_fill(interval '20 ms', array[60]), 'status == 200')")
	shop.endpoint("up", server.URL, "patient")
	shop.endpoint("down", down, "patient")
	shop.work(shop.config("w1"))
	// 1,000 rows behind one head that is never acknowledged, and 1,000 of a partner that is away.
	shop.exec(`insert into orderbell.notification (endpoint, event, order_no, body, sequence_key)
		select 'up', 'e', 'stuck', case when n = 1 then 'stuck/never' else 'stuck/' || n end, 'stuck' from generate_series(1, 1000) n`)
	shop.exec(`insert into orderbell.notification (endpoint, event, order_no, body, sequence_key)
		select 'down', 'e', 'away-' || n % 100, 'away/1', 'away-' || n % 100 from generate_series(1, 1000) n`)
	shop.exec("update orderbell.endpoint set on_head_exhausted = 'block'")
	for o := range 50 {
		for e := 1; e <= 3; e++ {
			if err := shop.event("up", fmt.Sprintf("well-%d", o), e); err != nil {
				t.Fatal(err)
			}
		}
	}
	pgtest.Eventually(t, time.Minute, "the others are acknowledged", func() error {
		if n := shop.count("select count(*) from orderbell.finished where state = 'acknowledged'"); n < 150 {
			return fmt.Errorf("%d are", n)
		}
		return nil
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	for order, at := range p.at {
		if strings.HasPrefix(order, "stuck") || strings.HasPrefix(order, "away") {
			t.Errorf("%s has come to %d", order, at)
		}
	}
}
