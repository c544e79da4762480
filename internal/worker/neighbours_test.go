package worker

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

// What statements take in the town.
const (
	lookTakes  = 300 * time.Microsecond
	claimTakes = 500 * time.Microsecond
)

// town is a database and its endpoints, by a clock of its own: how long a row waits for its
// request depends on the worker's rules alone, and not on this machine.
type town struct {
	Limits
	Bell

	mu     sync.Mutex
	due    map[string][]*outbox.Claim
	asleep chan struct{}
	id     int
	waited map[string][]time.Duration // from a row's due time to its request, by endpoint
	began  map[string][]time.Time     // requests
	takes  func(endpoint string) time.Duration
}

func (c *town) Rung() <-chan struct{} { return c.asleep }
func (c *town) Changes() uint64       { return 0 }
func (c *town) Live() bool            { return true }
func (c *town) Sleep()                {}
func (c *town) Wake()                 {}

// commit makes rows of an endpoint due.
func (c *town) commit(endpoint string, rows int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for range rows {
		c.id++
		c.due[endpoint] = append(c.due[endpoint], &outbox.Claim{
			ID: outbox.ID{byte(c.id >> 16), byte(c.id >> 8), byte(c.id)}, Attempt: 1, Endpoint: endpoint, Due: time.Now(),
		})
	}
	signal(c.asleep)
}

func (c *town) Look(ctx context.Context, _ time.Time) (outbox.Look, error) { return c.FullLook(ctx) }

func (c *town) FullLook(context.Context) (outbox.Look, error) {
	time.Sleep(lookTakes)
	c.mu.Lock()
	defer c.mu.Unlock()
	return outbox.Look{At: time.Now(), Endpoints: slices.Sorted(maps.Keys(c.due))}, nil
}

func (c *town) Lapsed(context.Context) ([]outbox.Lapse, error) { return nil, nil }

func (*town) Queue(context.Context) (int, error) { return 0, nil }

func (c *town) Claim(_ context.Context, lanes []outbox.Lane, _, _ []string) (claims []*outbox.Claim, err error) {
	time.Sleep(claimTakes)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, lane := range lanes {
		rows := c.due[lane.Endpoint]
		n := min(lane.Take, len(rows))
		claims = append(claims, rows[:n]...)
		if c.due[lane.Endpoint] = rows[n:]; n == len(rows) {
			delete(c.due, lane.Endpoint)
		}
	}
	return claims, nil
}

func (c *town) Reclaim(context.Context, []outbox.Lane) ([]*outbox.Claim, error) { return nil, nil }

func (c *town) Fill(context.Context, []*outbox.Claim) ([]*outbox.Claim, error) {
	time.Sleep(lookTakes)
	return nil, nil
}

func (c *town) Settle(context.Context, []*outbox.Settlement) ([]outbox.Settled, []*outbox.Settlement, error) {
	time.Sleep(claimTakes)
	return nil, nil, nil
}

func (c *town) Renew(context.Context, []*outbox.Claim) (ids []outbox.ID, err error) { return nil, nil }

func (c *town) Policies(context.Context) ([]*outbox.Policy, error) {
	return []*outbox.Policy{{Name: "good", Acknowledge: "status == 200", Ladder: outbox.Ladder{time.Hour}}}, nil
}

func (c *town) Endpoints(_ context.Context, ids []string) (found []*outbox.Endpoint, err error) {
	time.Sleep(lookTakes)
	for _, id := range ids {
		found = append(found, &outbox.Endpoint{ID: id, Policy: "good"})
	}
	return found, nil
}

func (c *town) SetFault(context.Context, *outbox.Policy, string) error { return nil }

func (c *town) SetEndpointFault(context.Context, string, string) error { return nil }

func (c *town) FaultyEndpoints(context.Context, string) ([]string, error) { return nil, nil }

func (c *town) CheckEndpoint(*outbox.Endpoint, *outbox.Policy) error { return nil }

func (c *town) Break(context.Context, []outbox.Breaking) error { return nil }

func (c *town) Check(*outbox.Policy) error { return nil }

// Deliver answers when the endpoint does, or at the deadline.
func (c *town) Deliver(ctx context.Context, claim *outbox.Claim) outbox.Result {
	c.mu.Lock()
	c.waited[claim.Endpoint] = append(c.waited[claim.Endpoint], time.Since(claim.Due))
	c.began[claim.Endpoint] = append(c.began[claim.Endpoint], time.Now())
	takes := c.takes(claim.Endpoint)
	c.mu.Unlock()
	const deadline = 10 * time.Second
	sleep(ctx, min(takes, deadline))
	if takes > deadline {
		return outbox.Result{Outcome: outbox.OutcomeTimeout, Connected: true}
	}
	return outbox.Result{Outcome: outbox.OutcomeAcknowledged, HTTPStatus: 200, Connected: true}
}

// live lets a worker of 64 slots serve the town while life goes on in it.
func live(t *testing.T, takes func(endpoint string) time.Duration, life func(c *town)) *town {
	t.Helper()
	c := &town{
		due: make(map[string][]*outbox.Claim), asleep: make(chan struct{}, 1), takes: takes,
		waited: make(map[string][]time.Duration), began: make(map[string][]time.Time),
	}
	w := New(Parts{Looks: c, Claims: c, Settles: c, Register: c, Limits: c, Courier: c, Bell: c},
		Options{Name: "w1", Concurrency: 64, Lease: time.Hour, Log: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); w.Run(ctx, nil) }()
	life(c)
	time.Sleep(time.Second)
	cancel()
	<-ended
	if w.slots.taken != 0 || w.slots.slow != 0 || w.slots.waiting != 0 {
		t.Errorf("at the end %d prompt slots are taken, %d slow ones, and %d rows wait", w.slots.taken, w.slots.slow, w.slots.waiting)
	}
	return c
}

// worst is the longest wait of the endpoints whose names begin so, and how many waits.
func (c *town) worst(prefix string) (worst time.Duration, n int) {
	for endpoint, waited := range c.waited {
		if strings.HasPrefix(endpoint, prefix) {
			worst, n = max(worst, slices.Max(waited)), n+len(waited)
		}
	}
	return worst, n
}

// orders commits one row of a random endpoint 200 times a second.
func (c *town) orders(seconds int, of func(n int) string) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 * seconds {
		time.Sleep(5 * time.Millisecond)
		c.commit(of(random.IntN(1000)), 1)
	}
}

func hangs(endpoint string) time.Duration {
	switch {
	case strings.HasPrefix(endpoint, "hangs"):
		return time.Hour
	case strings.HasPrefix(endpoint, "usual"):
		return 100 * time.Millisecond
	}
	return 3 * time.Millisecond
}

// One endpoint hangs on more rows than there are slots: the others do not notice.
func TestNeighboursOfOneThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := live(t, hangs, func(c *town) {
			c.commit("hangs", 50_000)
			c.orders(30, func(n int) string { return fmt.Sprint("well-", n) })
		})
		if worst, n := c.worst("well"); worst > yieldAfter+2*watchEvery || n != 6000 {
			t.Errorf("of %d rows of others one has waited %v", n, worst)
		}
		if n := len(c.began["hangs"]); n > 3*64 {
			t.Errorf("%d requests to the one that hangs", n)
		}
	})
}

// 300 of 1,000 endpoints begin to hang at once, none of which has many rows.
func TestNeighboursOfManyThatHang(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := live(t, hangs, func(c *town) {
			c.orders(40, func(n int) string {
				if n < 300 {
					return fmt.Sprint("hangs-", n)
				}
				return fmt.Sprint("well-", n)
			})
		})
		if worst, n := c.worst("well"); worst > yieldAfter+2*watchEvery || n < 5000 {
			t.Errorf("of %d rows of others one has waited %v", n, worst)
		}
	})
}

// 20 endpoints begin to hang at once, each with many rows, beside merchants that take a
// tenth of a second, one of them with a backlog.
func TestNeighboursOfBacklogsThatHang(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := live(t, hangs, func(c *town) {
			c.commit("usual-backlog", 30_000)
			for range 10 {
				time.Sleep(500 * time.Millisecond)
				c.commit("usual-small", 2)
			}
			for n := range 20 {
				c.commit(fmt.Sprint("hangs-", n), 30)
			}
			for range 50 {
				time.Sleep(500 * time.Millisecond)
				c.commit("usual-small", 2)
			}
		})
		if worst, n := c.worst("usual-small"); worst > 250*time.Millisecond || n != 120 {
			t.Errorf("of %d rows of a small one, one has waited %v", n, worst)
		}
		began := c.began["usual-backlog"]
		for i := 1; i < len(began); i++ {
			if pause := began[i].Sub(began[i-1]); pause > 500*time.Millisecond {
				t.Errorf("the backlog of a merchant that answers stood still for %v", pause)
			}
		}
		if n := len(began); n < 5000 {
			t.Errorf("%d of its rows were sent in 30 s", n)
		}
	})
}

func (*town) DeliverBatch(context.Context, []*outbox.Claim) []outbox.Result {
	panic("no endpoint here has batches")
}
