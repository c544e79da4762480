package chaos_test

import (
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/chaos"
)

// tradingThroughProxy makes a trade whose only worker reaches the database through a proxy; the shop
// does not.
func tradingThroughProxy(t *testing.T) (*trade, *chaos.Proxy) {
	t.Helper()
	d := trading(t, chaos.Options{})
	p := d.proxied()
	d.employ("w1")
	return d, p
}

// The network loses what the database says, or what the worker says, for as long as
// the shop sells for a second; then the connections break.
func TestOneDirectionIsLost(t *testing.T) {
	t.Parallel()
	for name, drop := range map[string]func(*chaos.Proxy, bool){
		"answers": (*chaos.Proxy).DropToClient, "statements": (*chaos.Proxy).DropToServer,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, p := tradingThroughProxy(t)
			d.open()
			drop(p, true)
			d.sells(ordersPerSecond)
			if p.Lost() == 0 {
				t.Error("nothing was lost")
			}
			drop(p, false)
			d.resumes("lost "+name, time.Now())
			d.ends()
		})
	}
}

// The connections that the worker has are dead without a word; new ones would work.
func TestConnectionsAreHalfOpen(t *testing.T) {
	t.Parallel()
	d, p := tradingThroughProxy(t)
	d.open()
	p.HalfOpen()
	d.resumes("half-open connections", time.Now())
	d.Returns("connections of w1, once it has new ones", poolConnections, func() int64 { return d.Connections(d.workers[0]) })
	d.ends()
}

// The database's host is gone from the network, until the worker has noticed it.
func TestHostIsSilent(t *testing.T) {
	t.Parallel()
	d, p := tradingThroughProxy(t)
	d.open()
	began := time.Now()
	p.Silent(true)
	p.HalfOpen()
	d.workers[0].Says(complaint)
	t.Logf("noticed after %s", round(time.Since(began)))
	p.Heal()
	d.resumes("a host that was silent", time.Now())
	d.ends()
}

// Its host is up, and the database is not.
func TestConnectionsAreRefused(t *testing.T) {
	t.Parallel()
	d, p := tradingThroughProxy(t)
	d.open()
	p.Refuse(true)
	p.Reset()
	d.workers[0].Says(complaint)
	d.sells(ordersPerSecond)
	p.Heal()
	d.resumes("connections that were refused", time.Now())
	p.Reset()
	d.resumes("connections that were reset", time.Now())
	d.ends()
}

// Each packet takes 200 ms each way. That is slow, and nothing fails.
func TestNetworkIsSlow(t *testing.T) {
	t.Parallel()
	d, p := tradingThroughProxy(t)
	p.Delay(200 * time.Millisecond)
	d.shop = d.Shop(chaos.ShopOptions{PerSecond: 10, Orders: 30})
	d.AtRest()
	d.undisturbed()
	d.ends()
}

// A worker is cut off for longer than its leases, with answers that it cannot write
// down. Another one sends those again, once, and nothing that the first one says
// afterwards undoes it.
func TestCutOffLongerThanTheLease(t *testing.T) {
	t.Parallel()
	answer := make(chan struct{})
	d := trading(t, chaos.Options{Endpoints: []chaos.Endpoint{{Name: "m-1", Temper: atFirst(chaos.Hanging(answer), chaos.Prompt())}}})
	p := d.proxied()
	d.employ("w1")
	d.EnqueueMany("m-1", inFlight)
	arrived(t, d.House, inFlight)
	began := time.Now()
	p.Silent(true)
	p.HalfOpen()
	close(answer)
	d.WorkURL = d.URL
	d.employ("w2")
	arrived(t, d.House, 2*inFlight)
	t.Logf("the last of %d was sent again %s after the worker was cut off", inFlight, round(time.Since(began)))
	d.Fault(chaos.Fault{Name: "w1 is cut off", Worker: "w1", From: began, To: time.Now(), Most: inFlight})
	d.AtRest()
	d.Snapshot()
	p.Heal()
	d.ends()
	outcomes(t, d.House, "30 acknowledged, 30 unknown")
}
