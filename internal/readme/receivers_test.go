package readme_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/delivery/sign"
	"github.com/orderbell/orderbell/internal/pgtest"
)

// A request has the headers that the page lists, and no others of ours. The one of
// probes is not on it.
func TestHeadersOfARequest(t *testing.T) {
	t.Parallel()
	address := pgtest.Database(t)
	db, m := connect(t, address), newMerchant(t, "success")
	run(t, db, "insert into orderbell.endpoint (id, url) values ('m-1001', '"+m.url+"')")
	work(t, address)
	var id string
	get(t, db, []any{&id}, "select orderbell.enqueue('m-1001', 'trade.success', '1', '{}')::text")
	pgtest.Eventually(t, 20*time.Second, "the request", func() error {
		if len(m.requests()) == 0 {
			return errors.New("none came")
		}
		return nil
	})
	got := m.headers()
	want := map[string]string{"Orderbell-Notification-Id": id, "Orderbell-Attempt": "1", "Orderbell-Event": "trade.success", "Orderbell-Probe": ""}
	listed := []string{}
	for _, row := range table(t, "header") {
		name := plain(row[0])
		listed = append(listed, name)
		if value, ours := want[name]; ours && got.Get(name) != value {
			t.Errorf("%s: %q, want %q", name, got.Get(name), value)
		}
	}
	if !strings.HasPrefix(got.Get("User-Agent"), "orderbell/") {
		t.Errorf("the user agent is %q", got.Get("User-Agent"))
	}
	for name := range want {
		if !slices.Contains(listed, name) {
			t.Errorf("the page does not list %s", name)
		}
	}
	for name := range got {
		if strings.HasPrefix(name, "Orderbell-") && !slices.Contains(listed, name) {
			t.Errorf("the page does not list %s, which a request has", name)
		}
	}
}

// The page lists the schemes that there are, with the headers that they set.
func TestSchemes(t *testing.T) {
	t.Parallel()
	_, err := sign.Parse("")
	if err == nil {
		t.Fatal("no scheme passes")
	}
	_, known, _ := strings.Cut(err.Error(), "there are none, ")
	var names []string
	for _, row := range table(t, "scheme") {
		name := plain(row[0])
		names = append(names, name)
		scheme, err := sign.Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		set := headersOf(t, scheme)
		for _, word := range spans(row[2] + row[3]) {
			header := strings.HasPrefix(word, "Webhook-") || strings.HasPrefix(word, "Wechatpay-") || strings.HasPrefix(word, "Orderbell-")
			if header && !slices.Contains(set, word) {
				t.Errorf("%s does not set %s, only %v", name, word, set)
			}
		}
	}
	if want := strings.Join(names, ", ") + " and "; !strings.HasPrefix(known, want) {
		t.Errorf("the page has %q; there are %s", want, known)
	}
}

// headersOf signs something with a fresh secret.
func headersOf(t *testing.T, scheme sign.Scheme) []string {
	t.Helper()
	plain, _, err := scheme.Generate()
	if err != nil {
		t.Fatal(err)
	}
	key, err := scheme.Key(plain)
	if err != nil {
		t.Fatal(err)
	}
	format := "body"
	if scheme.Fits("POST", format) != nil {
		format = "form"
	}
	signed, err := scheme.Sign([]*sign.Key{key}, &sign.Message{ID: "an-id", Event: "e", Method: "POST", Format: format, Body: "a=1"})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, one := range signed.Headers {
		names = append(names, one.Name)
	}
	return names
}

// The times that receivers are told are those of the policies.
func TestTimesForReceivers(t *testing.T) {
	t.Parallel()
	var longest, most time.Duration
	least := time.Hour
	for _, row := range table(t, "policy") {
		var sum time.Duration
		for rung := range strings.FieldsSeq(row[1]) {
			sum += duration(t, rung)
		}
		longest = max(longest, sum)
		least, most = min(least, duration(t, row[3])), max(most, duration(t, row[3]))
	}
	text := prose(t, "For receivers")
	for _, want := range []string{
		fmt.Sprintf("takes %s in all", longest),
		fmt.Sprintf("(%.0f to %.0f s)", least.Seconds(), most.Seconds()),
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}
