package api_test

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orderbell/orderbell/internal/api"
	"github.com/orderbell/orderbell/internal/outbox"
)

func TestCursors(t *testing.T) {
	t.Parallel()
	id := outbox.ID{1, 2, 3, 255}
	cursor := api.CursorOf("m-1", id)
	if got, err := api.ReadCursor("m-1", cursor); err != nil || got != id {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := api.ReadCursor("m-2", cursor); err == nil {
		t.Error("another endpoint's cursor is taken")
	}
	raw, _ := base64.RawURLEncoding.DecodeString(cursor)
	for i := range raw { // whatever is changed
		raw[i] ^= 1 << rand.IntN(8)
		if _, err := api.ReadCursor("m-1", base64.RawURLEncoding.EncodeToString(raw)); err == nil {
			t.Errorf("byte %d may be changed", i)
		}
		raw, _ = base64.RawURLEncoding.DecodeString(cursor)
	}
	for _, bad := range []string{"", "x", cursor[1:], cursor + "A", cursor + "=", cursor + "\n", "\n" + cursor, " " + cursor, "0190", "../../etc"} {
		if _, err := api.ReadCursor("m-1", bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestFirstOfAnInstant(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 21, 12, 0, 0, 1234567, time.UTC)
	id := api.FirstOf(at)
	if !outbox.IDTime(id).Equal(at.Truncate(time.Millisecond)) || [10]byte(id[6:]) != [10]byte{} {
		t.Errorf("%x", id)
	}
}

func FuzzReadCursor(f *testing.F) {
	f.Add("m-1", api.CursorOf("m-1", outbox.ID{1}))
	f.Add("", "AQ==")
	f.Fuzz(func(t *testing.T, endpoint, text string) {
		id, err := api.ReadCursor(endpoint, text)
		if err == nil && api.CursorOf(endpoint, id) != text {
			t.Errorf("%q is a second way to write %x", text, id)
		}
	})
}

func TestLimits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := api.NewLimits(1, 20)
		shop := netip.MustParsePrefix("192.0.2.1/32")
		for i := range 20 {
			if wait := l.Spent(shop) + l.Take(shop); wait != 0 {
				t.Fatalf("the %dth waits for %s", i, wait)
			}
		}
		if spent, wait := l.Spent(shop), l.Take(shop); spent != time.Second || wait != time.Second {
			t.Errorf("one too many waits for %s, %s", spent, wait)
		}
		if wait := l.Take(netip.MustParsePrefix("192.0.2.2/32")); wait != 0 {
			t.Errorf("another waits for %s", wait)
		}
		time.Sleep(time.Second)
		if wait := l.Take(shop); wait != 0 {
			t.Errorf("a second later it waits for %s", wait)
		}
	})
}

// Whoever has many addresses does not fill the memory, nor slip through.
func TestLimitsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := api.NewLimits(1, 20)
		of := func(i int) netip.Prefix {
			return netip.MustParsePrefix(fmt.Sprintf("2001:db8:%x:%x::/64", i>>16, i&0xffff))
		}
		refused := 0
		for i := range 3 * api.MostKeys {
			if l.Take(of(i)) > 0 {
				refused++
			}
		}
		if l.Keys() > api.MostKeys || refused < 2*api.MostKeys-30 {
			t.Errorf("%d are remembered, %d were refused", l.Keys(), refused)
		}
		if l.Spent(of(5*api.MostKeys)) == 0 {
			t.Error("a new one has something left")
		}
		time.Sleep(time.Minute) // by now they are forgotten
		if wait := l.Take(of(6 * api.MostKeys)); wait > 0 || l.Keys() > 2 {
			t.Errorf("%d are remembered, and a new one waits for %s", l.Keys(), wait)
		}
	})
}

func TestWhatMerchantsAreTold(t *testing.T) {
	t.Parallel()
	const at = "2026-11-21 12:00:00 UTC"
	soon := time.Now()
	for name, test := range map[string]struct {
		state, outcome, err, explanation string
		givesUp                          *time.Time
		wantErr, want                    string
	}{
		"waiting": {
			state: "pending", outcome: "timeout", err: "no answer within 10s (phase: connect)", givesUp: &soon,
			explanation: "attempt 1: no answer within 10s (phase: connect); waiting on rung 1 of 9, next attempt at " + at,
			wantErr:     "no answer within 10s (phase: connect)",
			want:        "attempt 1: no answer within 10s (phase: connect); waiting on rung 1 of 9, next attempt at " + at,
		},
		"unknown": {
			state: "pending", outcome: "unknown", err: "worker w-1/abcd lost its lease", givesUp: &soon,
			explanation: "attempt 1: worker w-1/abcd lost its lease; attempt 2 is due since " + at,
			wantErr:     "the endpoint may or may not have been told",
			want:        "attempt 1: the endpoint may or may not have been told; attempt 2 is due since " + at,
		},
		"blocked, and gave up": {
			state: "exhausted", outcome: "blocked", err: "blocked by the address policy: 10.1.2.3 is private",
			explanation: "gave up at " + at + ", the ladder is spent; attempt 3: blocked: blocked by the address policy: 10.1.2.3 is private",
			wantErr:     "blocked by the sender's address policy",
			want:        "gave up at " + at + ", the ladder is spent; attempt 3: blocked: blocked by the sender's address policy",
		},
		"through a proxy": {
			state: "pending", outcome: "unreachable", err: "the egress proxy answered 502 from proxy-7", givesUp: &soon,
			explanation: "attempt 1: the egress proxy answered 502 from proxy-7; attempt 2 is due since " + at +
				", and waits: the endpoint's breaker is open since " + at + " (3 in a row (proxy-7)), next probe at " + at + "; no rung is spent",
			wantErr: "the endpoint was not reached through the sender's proxy",
			want: "attempt 1: the endpoint was not reached through the sender's proxy; attempt 2 is due since " + at +
				", and waits: the endpoint's breaker is open since " + at + ", next probe at " + at + "; no rung is spent",
		},
		"parked":       {state: "pending", explanation: "parked because policy x: no master key", want: "the sender keeps it back for now; no rung is spent, and it goes on once the sender lets it"},
		"in flight":    {state: "in_flight", explanation: "attempt 4 is being made by worker w-1/abcd", want: "attempt 4 is being made"},
		"held":         {state: "held", explanation: "held back until it is released", want: "held back until it is released"},
		"cancelled":    {state: "cancelled", explanation: "cancelled at " + at + ": cancelled by shop_app", want: "cancelled at " + at},
		"a duplicate":  {state: "cancelled", explanation: "cancelled at " + at + ": duplicate of 0190", want: "cancelled at " + at + ": duplicate of 0190"},
		"acknowledged": {state: "acknowledged", explanation: "acknowledged at " + at + " on attempt 1 (by worker w-1)", want: "acknowledged at " + at + " on attempt 1"},
		"nowhere":      {explanation: "it was inserted with triggers off", want: "it is not being sent"},
		"interrupted": {
			state: "pending", outcome: "interrupted", err: "nothing was sent: our own network: too many open files", givesUp: &soon,
			explanation: "attempt 1: nothing was sent: our own network: too many open files; attempt 2 comes",
			wantErr:     "it was interrupted on the sender's side", want: "attempt 1: it was interrupted on the sender's side; attempt 2 comes",
		},
		"an empty error": {state: "exhausted", outcome: "timeout", explanation: "gave up", want: "gave up"},
	} {
		n := api.Notification{AttemptCount: 4, GivesUpAt: test.givesUp, Explanation: test.explanation}
		if test.state != "" {
			n.State = &test.state
		}
		if test.outcome != "" {
			n.LastOutcome, n.LastError = &test.outcome, &test.err
		}
		a := api.Attempt{Outcome: test.outcome, Error: n.LastError}
		n.ToMerchant()
		a.ToMerchant()
		if n.Explanation != test.want || n.LastError != nil && (*n.LastError != test.wantErr || *a.Error != test.wantErr) {
			t.Errorf("%s: %s, %v", name, n.Explanation, n.LastError)
		}
	}
}
