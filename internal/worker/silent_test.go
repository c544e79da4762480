package worker

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

// crowd counts the statements of a worker that has something due at endpoints to which it
// may not send.
type crowd struct {
	Claims
	Limits
	endpoint                    outbox.Endpoint
	looks, reads, claims, other int
}

func (c *crowd) Look(context.Context, time.Time) (outbox.Look, error) {
	c.looks++
	return outbox.Look{}, nil
}

func (c *crowd) FullLook(context.Context) (outbox.Look, error) {
	c.looks++
	if c.looks > 1 {
		return outbox.Look{}, nil // the database knows by now, and leaves it out
	}
	return outbox.Look{Endpoints: []string{"a"}}, nil
}

func (c *crowd) Lapsed(context.Context) ([]outbox.Lapse, error) { return nil, nil }

func (*crowd) Queue(context.Context) (int, error) { return 0, nil }

func (c *crowd) Policies(context.Context) ([]*outbox.Policy, error) {
	c.reads++
	return []*outbox.Policy{{Name: "good", Acknowledge: "status == 200"}}, nil
}

func (c *crowd) Endpoints(_ context.Context, ids []string) ([]*outbox.Endpoint, error) {
	c.reads++
	if !slices.Contains(ids, c.endpoint.ID) {
		return nil, nil
	}
	return []*outbox.Endpoint{&c.endpoint}, nil
}

func (c *crowd) SetFault(context.Context, *outbox.Policy, string) error { return nil }

func (c *crowd) SetEndpointFault(context.Context, string, string) error { return nil }

func (c *crowd) FaultyEndpoints(context.Context, string) ([]string, error) { return nil, nil }

func (c *crowd) Claim(context.Context, []outbox.Lane, []string, []string) ([]*outbox.Claim, error) {
	c.claims++
	return nil, nil
}

func (c *crowd) Reserve(_ context.Context, wants []outbox.Want) ([]outbox.Grant, error) {
	c.other++
	return []outbox.Grant{{Endpoint: wants[0].Endpoint, First: time.Hour}}, nil
}

func (c *crowd) Probe(context.Context, []string, time.Duration) ([]string, error) {
	c.other++
	return nil, nil
}

// A lane that may not send costs no statement until it may: no claim, and looks, the full
// look a minute of a worker that sleeps, and what that reads.
func TestALaneThatMayNotSendCostsNothing(t *testing.T) {
	t.Parallel()
	for name, endpoint := range map[string]outbox.Endpoint{
		"paused":                  {ID: "a", Policy: "good", Paused: true},
		"its breaker is open":     {ID: "a", Policy: "good", Open: true, ProbeIn: time.Hour},
		"its rate leaves no room": {ID: "a", Policy: "good", Rate: 0.0001},
		"there is no such one":    {ID: "b", Policy: "good"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := &crowd{endpoint: endpoint}
				w := New(Parts{Looks: c, Claims: c, Settles: &registry{}, Register: c, Limits: c, Courier: strict{}, Bell: bell{live: true}},
					Options{Name: "w1", Concurrency: 4, Lease: lasting, Log: slog.New(slog.DiscardHandler)})
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Minute)
				defer cancel()
				w.work(ctx)
				w.looks.Wait()
				if c.claims != 0 || c.other > 1 || c.looks > 33 || c.reads > 33 {
					t.Errorf("in half an hour: %d claims, %d looks, %d reads, %d questions about limits", c.claims, c.looks, c.reads, c.other)
				}
			})
		})
	}
}

// winner wins every probe, and gives no time to send it.
type winner struct{ *crowd }

func (winner) Probe(_ context.Context, endpoints []string, _ time.Duration) ([]string, error) {
	return endpoints, nil
}

// A probe that was won and cannot be sent is given back, for whoever can.
func TestAProbeThatIsNotSentIsGivenBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &crowd{endpoint: outbox.Endpoint{ID: "a", Policy: "good", Open: true, Rate: 0.0001}}
		w := New(Parts{Looks: c, Claims: c, Settles: &registry{}, Register: c, Limits: winner{c}, Courier: strict{}, Bell: bell{live: true}},
			Options{Name: "w1", Concurrency: 4, Lease: lasting, Log: slog.New(slog.DiscardHandler)})
		w.lanes.add([]string{"a"}, time.Time{})
		if n, err := w.claim(t.Context(), w.turn(&w.lanes, room{prompt: 4})); n != 0 || err != nil {
			t.Fatalf("claimed %d, %v", n, err)
		}
		if q := w.breakers.take(); len(q) != 1 || !q[0].Unsent {
			t.Errorf("told the database %+v", q)
		}
	})
}
