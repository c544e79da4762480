package worker

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

func miss(n *network, endpoint string) outbox.Result {
	result := refused
	n.weigh(endpoint, &result)
	return result
}

func testNetwork() (*network, *bytes.Buffer) {
	var out bytes.Buffer
	return &network{log: slog.New(slog.NewTextHandler(&out, nil))}, &out
}

// lose tries five endpoints in vain.
func lose(n *network) {
	for i := range goneEndpoints {
		miss(n, fmt.Sprintf("m-%d", i))
	}
}

func TestNetworkIsGone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for name, test := range map[string]struct {
			meet func(n *network)
			down bool
		}{
			"five endpoints": {lose, true},
			"four endpoints, many times": {func(n *network) {
				for i := range 100 {
					miss(n, fmt.Sprintf("m-%d", i%4))
				}
			}, false},
			"five, too far apart": {func(n *network) {
				for i := range goneEndpoints {
					miss(n, fmt.Sprintf("m-%d", i))
					time.Sleep(2 * time.Second)
				}
			}, false},
			"one was reached among them": {func(n *network) {
				for i := range goneEndpoints - 1 {
					miss(n, fmt.Sprintf("m-%d", i))
				}
				result := answered
				n.weigh("m-8", &result)
				miss(n, "m-9")
			}, false},
			"they were reached, and reset the connection": {func(n *network) {
				for i := range goneEndpoints {
					result := outbox.Result{Outcome: outbox.OutcomeUnreachable, Connected: true}
					n.weigh(fmt.Sprintf("m-%d", i), &result)
				}
			}, false},
			"connecting took too long": {func(n *network) {
				for i := range goneEndpoints {
					result := outbox.Result{Outcome: outbox.OutcomeTimeout}
					n.weigh(fmt.Sprintf("m-%d", i), &result)
				}
			}, true},
			"what failed was surely ours": {func(n *network) {
				for range goneOurs {
					n.weigh("a", &outbox.Result{Outcome: outbox.OutcomeInterrupted, Ours: true})
				}
			}, true},
			"what failed was surely ours, now and then": {func(n *network) {
				for range 3 * goneOurs {
					n.weigh("a", &outbox.Result{Outcome: outbox.OutcomeInterrupted, Ours: true})
					time.Sleep(goneWithin + time.Second)
				}
			}, false},
			"the worker was stopping": {func(n *network) {
				for i := range goneEndpoints {
					n.weigh(fmt.Sprintf("m-%d", i), &outbox.Result{Outcome: outbox.OutcomeInterrupted})
				}
			}, false},
		} {
			n, out := testNetwork()
			test.meet(n)
			if n.isDown() != test.down || strings.Contains(out.String(), "our own network is gone") != test.down {
				t.Errorf("%s: down is %t; said %q", name, n.isDown(), out)
			}
		}
	})
}

// While it is gone no rung is spent; who is reached ends it. Both are said once.
func TestWithoutANetworkNoRungIsSpent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, out := testNetwork()
		lose(n)
		for range 100 {
			result := miss(n, "m-1")
			if result.Outcome != outbox.OutcomeInterrupted || !result.Ours || !strings.Contains(result.Error, refused.Error) {
				t.Fatalf("came to %+v", result)
			}
		}
		result := answered
		n.weigh("m-7", &result)
		if n.isDown() || result.Outcome != outbox.OutcomeAnswered {
			t.Errorf("down is %t after an answer, which came to %+v", n.isDown(), result)
		}
		if again := miss(n, "m-1"); again.Outcome != outbox.OutcomeUnreachable {
			t.Errorf("an endpoint that is away comes to %+v", again)
		}
		if lines := strings.Count(out.String(), "\n"); lines != 2 {
			t.Errorf("%d lines:\n%s", lines, out)
		}
	})
}

// A network that comes and goes says so every ten seconds.
func TestANetworkThatFlapsIsQuiet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, out := testNetwork()
		for range 10 {
			lose(n)
			result := answered
			n.weigh("a", &result)
			time.Sleep(networkLine / 5)
		}
		if lines := strings.Count(out.String(), "\n"); lines != 4 {
			t.Errorf("%d lines in 20 s:\n%s", lines, out)
		}
	})
}

// Endpoints that were not tried find out at once; the others now and then.
func TestTrials(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, _ := testNetwork()
		lose(n)
		if n.mayTry("m-1") {
			t.Error("one that was just tried is tried again")
		}
		for i := range trialsAtOnce {
			if !n.mayTry(fmt.Sprintf("new-%d", i)) {
				t.Errorf("the new one %d may not try", i)
			}
		}
		if n.mayTry("new-8") {
			t.Error("too many try at once")
		}
		n.untried(true)
		if !n.mayTry("new-8") || n.mayTry("new-8") {
			t.Error("it may not try once the place is free, or twice")
		}
		n.untried(true)
		tries := 0
		for range 600 { // a minute
			if n.mayTry("m-1") {
				n.untried(true)
				tries++
			}
			time.Sleep(100 * time.Millisecond)
		}
		if tries < 12 || tries > 14 {
			t.Errorf("%d tries in a minute, of those that were tried before", tries)
		}
	})
}
