package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/outbox"
)

// files is a register that counts how often it is read.
type files struct {
	policies  map[string]*outbox.Policy
	endpoints map[string]*outbox.Endpoint
	reads     int
	asked     []string
	faults    []string
}

func (f *files) Policies(context.Context) ([]*outbox.Policy, error) {
	f.reads++
	var all []*outbox.Policy
	for _, p := range f.policies {
		clone := *p
		all = append(all, &clone)
	}
	return all, nil
}

func (f *files) Endpoints(_ context.Context, ids []string) ([]*outbox.Endpoint, error) {
	f.asked = append(f.asked, ids...)
	var found []*outbox.Endpoint
	for _, id := range ids {
		if e := f.endpoints[id]; e != nil {
			found = append(found, e)
		}
	}
	return found, nil
}

func (f *files) SetFault(_ context.Context, p *outbox.Policy, fault string) error {
	f.policies[p.Name].Fault = fault
	f.faults = append(f.faults, p.Name+": "+fault)
	return nil
}

func (f *files) SetEndpointFault(_ context.Context, id, fault string) error {
	f.endpoints[id].Fault = fault
	f.faults = append(f.faults, id+": "+fault)
	return nil
}

func (f *files) FaultyEndpoints(_ context.Context, after string) (ids []string, err error) {
	for _, id := range slices.Sorted(maps.Keys(f.endpoints)) {
		if f.endpoints[id].Fault != "" && id > after && len(ids) == 0 { // one at a time
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// strict is a courier that knows one rule.
type strict struct{}

func (strict) Check(p *outbox.Policy) error {
	if p.Acknowledge != "status == 200" {
		return errors.New("no such rule")
	}
	return nil
}

func (strict) CheckEndpoint(e *outbox.Endpoint, _ *outbox.Policy) error {
	if e.Signature != "" && len(e.Secrets) == 0 {
		return errors.New("it has no secret")
	}
	return nil
}

func (strict) Deliver(context.Context, *outbox.Claim) outbox.Result { return outbox.Result{} }

func testDirectory() (*directory, *files) {
	f := &files{
		policies: map[string]*outbox.Policy{
			"good":   {Name: "good", Acknowledge: "status == 200"},
			"broken": {Name: "broken", Acknowledge: "status = 200"},
		},
		endpoints: map[string]*outbox.Endpoint{
			"a": {ID: "a", URL: "https://a.example/", Policy: "good", Headers: map[string]string{"X-Shop": "1", "X-All": "endpoint"}},
			"b": {ID: "b", URL: "https://b.example/", Policy: "broken"},
		},
	}
	return newDirectory(f, strict{}, slog.New(slog.DiscardHandler)), f
}

func TestDirectoryKnowsWhatCanBeSent(t *testing.T) {
	t.Parallel()
	d, f := testDirectory()
	turn := []string{"a", "b", "none"}
	if err := d.refresh(t.Context(), turn, fresh); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]bool{"a": true, "b": true, "none": false} {
		if endpoint, read := d.endpoint(id); (endpoint != nil) != want || read.IsZero() {
			t.Errorf("%s: %+v, read at %v", id, endpoint, read)
		}
	}
	if !d.works("good") || d.works("broken") || d.works("none") {
		t.Error("it is not the good policy alone that works")
	}
	if diff := cmp.Diff([]string{"good"}, d.working()); diff != "" {
		t.Errorf("working policies (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"broken: no such rule"}, f.faults); diff != "" {
		t.Errorf("faults written (-want +got):\n%s", diff)
	}
}

// What has changed is read again at once, however fresh it is.
func TestDirectoryExpires(t *testing.T) {
	t.Parallel()
	d, f := testDirectory()
	for range 2 {
		if err := d.refresh(t.Context(), []string{"a"}, stale); err != nil {
			t.Fatal(err)
		}
		d.expireAll()
	}
	if f.reads != 2 || len(f.asked) != 2 {
		t.Errorf("policies read %d times, endpoints %d, wanted 2", f.reads, len(f.asked))
	}
}

// The database is asked once a second, whatever the traffic, and faults are
// written only when they change.
func TestDirectoryAsksOnceASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, f := testDirectory()
		for range 100 {
			if err := d.refresh(t.Context(), []string{"a"}, fresh); err != nil {
				t.Fatal(err)
			}
		}
		if f.reads != 1 || len(f.asked) != 1 {
			t.Errorf("within a second: policies read %d times, endpoints %d", f.reads, len(f.asked))
		}
		f.policies["broken"].Acknowledge = "status == 200"
		time.Sleep(fresh)
		if err := d.refresh(t.Context(), []string{"a"}, fresh); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"broken: no such rule", "broken: "}, f.faults); diff != "" {
			t.Errorf("faults written (-want +got):\n%s", diff)
		}
	})
}

func TestDirectoryForgetsEndpoints(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, _ := testDirectory()
		for n := range 100 * claimLanes {
			if err := d.refresh(t.Context(), []string{fmt.Sprint("m-", n)}, fresh); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
		}
		if n := len(d.endpoints); n > 32*claimLanes {
			t.Errorf("%d endpoints are remembered", n)
		}
	})
}

func TestResolve(t *testing.T) {
	t.Parallel()
	d, _ := testDirectory()
	if err := d.refresh(t.Context(), []string{"a"}, fresh); err != nil {
		t.Fatal(err)
	}
	plain := &outbox.Claim{Endpoint: "a", Headers: map[string]string{"x-all": "row"}}
	address(plain, d.resolve(plain))
	if plain.URL != "https://a.example/" || plain.EndpointURL != plain.URL || plain.Policy.Name != "good" {
		t.Errorf("URL %q, of the endpoint %q, policy %s", plain.URL, plain.EndpointURL, plain.Policy.Name)
	}
	if diff := cmp.Diff(map[string]string{"X-Shop": "1", "X-All": "row"}, plain.Headers); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	own := &outbox.Claim{Endpoint: "a", URL: "https://own.example/"}
	address(own, d.resolve(own))
	if own.URL != "https://own.example/" || own.EndpointURL != "" {
		t.Errorf("URL %q, of the endpoint %q; wanted the row's own", own.URL, own.EndpointURL)
	}
}

// An endpoint whose requests cannot be signed is parked, and goes on once they can; both are
// written down once.
func TestDirectoryParksWhatCannotBeSigned(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, f := testDirectory()
		f.endpoints["a"].Signature = "hmac-sha256"
		look := func() {
			t.Helper()
			time.Sleep(stale)
			if err := d.refreshParked(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := d.refresh(t.Context(), []string{"a"}, fresh); err != nil {
				t.Fatal(err)
			}
		}
		look()
		look()
		if e, _ := d.endpoint("a"); e != nil {
			t.Error("it is sent to")
		}
		f.endpoints["a"].Secrets = []outbox.Secret{{Version: 1}}
		look()
		if e, _ := d.endpoint("a"); e == nil || !d.mended() || d.mended() {
			t.Error("it is not sent to, or not told once")
		}
		if diff := cmp.Diff([]string{"broken: no such rule", "a: it has no secret", "a: "}, f.faults); diff != "" {
			t.Errorf("faults written (-want +got):\n%s", diff)
		}
		// Another worker, with another master key, takes back what we say.
		f.endpoints["a"].Secrets, f.faults = nil, nil
		for range 10 {
			look()
			f.endpoints["a"].Fault = ""
		}
		if len(f.faults) != 1 {
			t.Errorf("in 20 s it was written %d times", len(f.faults))
		}
	})
}

// Endpoints that stay parked do not hide those that could go on.
func TestDirectoryLooksAtAllThatIsParked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, f := testDirectory()
		for _, id := range []string{"a1", "a2", "z"} {
			f.endpoints[id] = &outbox.Endpoint{ID: id, Policy: "good", Signature: "hmac-sha256", Fault: "it has no secret"}
		}
		f.endpoints["z"].Secrets = []outbox.Secret{{Version: 1}}
		for range 4 {
			time.Sleep(stale)
			if err := d.refreshParked(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if f.endpoints["z"].Fault != "" {
			t.Error("the last one is still parked")
		}
	})
}

func (strict) DeliverBatch(context.Context, []*outbox.Claim) []outbox.Result {
	panic("no endpoint here has batches")
}
