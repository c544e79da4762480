package chaos

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// shopVariable makes a test binary be a shop: its value is what the shop is to do.
const shopVariable = "CHAOS_SHOP"

// ShopOptions say what a shop does.
type ShopOptions struct {
	// URL of its database; several hosts with target_session_attrs=read-write are fine.
	URL string `json:"url"`
	// Run begins every order's number, and tells shops on one database apart.
	Run string `json:"run"`
	// Endpoints get the notifications in turn.
	Endpoints []string `json:"endpoints"`
	// Keyed are those of them whose notifications have a dedupe key, and are enqueued
	// twice.
	Keyed []string `json:"keyed"`
	// Orders is how many it places, of whatever fate; 0: until it is stopped.
	Orders int `json:"orders"`
	// PerSecond is how many it places a second; 0: as many as it can.
	PerSecond int `json:"per_second"`
	// Connections is how many it places at once; 0 is 4.
	Connections int `json:"connections"`
	// Log is the file of its log of orders; empty: a new one, removed with the test.
	Log string `json:"log"`
}

// Shop is an order service in a process of its own: this test binary, started again.
type Shop struct {
	*process
	log   string
	stdin io.Closer
}

// StartShop starts a shop. Its table shop_order must be there.
func StartShop(t testing.TB, o ShopOptions) *Shop {
	t.Helper()
	if o.Log == "" {
		o.Log = filepath.Join(t.TempDir(), "orders.jsonl")
	}
	if o.Connections == 0 {
		o.Connections = 4
	}
	wanted, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0]) //nolint:gosec // ourselves
	cmd.Env = environment(shopVariable + "=" + string(wanted))
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	return &Shop{process: launch(t, "shop "+o.Run, cmd), log: o.Log, stdin: stdin}
}

// Close tells the shop to place no more orders, and waits until the last is over.
func (s *Shop) Close() {
	s.t.Helper()
	_ = s.stdin.Close() // fails where the shop has ended
	s.Wait()
}

// Wait waits until the shop has placed all its orders.
func (s *Shop) Wait() {
	s.t.Helper()
	if status := s.wait(); status > 0 {
		s.t.Errorf("%s failed with status %d: %s", s.name, status, s.stderr.String())
	}
}

// Kill ends the shop in the middle of its orders.
func (s *Shop) Kill() { s.t.Helper(); s.kill() }

// Orders are what its log has so far.
func (s *Shop) Orders() []Order {
	s.t.Helper()
	orders, err := readOrders(s.log)
	if err != nil && !os.IsNotExist(err) {
		s.t.Fatal(err)
	}
	return orders
}
