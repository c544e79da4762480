package delivery_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/delivery"
	"github.com/orderbell/orderbell/internal/merchanttest"
	"github.com/orderbell/orderbell/internal/outbox"
)

// some are claims that differ in what is told alone.
func some(n int, url string) []*outbox.Claim {
	claims := make([]*outbox.Claim, n)
	for i := range claims {
		claims[i] = claimFor(url)
		claims[i].ID[15], claims[i].ID[14] = byte(i), byte(i>>8)
		claims[i].Attempt, claims[i].OrderNo, claims[i].Body = i+1, fmt.Sprint("o-", i), fmt.Sprintf(`{"i":%d}`, i)
	}
	return claims
}

type told struct {
	ID      string          `json:"id"`
	Attempt int             `json:"attempt"`
	Event   string          `json:"event"`
	OrderNo string          `json:"order_no"`
	Body    json.RawMessage `json:"body"`
}

func read(t *testing.T, body string) []told {
	t.Helper()
	var all []told
	decoder := json.NewDecoder(strings.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&all); err != nil {
		t.Fatalf("%v: %.200s", err, body)
	}
	return all
}

func outcomes(results []outbox.Result) string {
	words := map[outbox.Outcome]string{outbox.OutcomeAcknowledged: "+", outbox.OutcomeAnswered: "-", outbox.OutcomeRejected: "x"}
	var b strings.Builder
	for _, r := range results {
		if words[r.Outcome] == "" {
			b.WriteString("?" + string(r.Outcome))
		}
		b.WriteString(words[r.Outcome])
	}
	return b.String()
}

func TestBatchTogether(t *testing.T) {
	t.Parallel()
	m := merchanttest.New(t)
	claims := some(3, m.URL+"/n?x=1")
	for _, c := range claims {
		c.Headers = map[string]string{"X-Shop": "42", "Orderbell-Batch": "7", "Orderbell-Attempt": "7"}
		c.ContentType = "text/plain"
	}
	claims[1].Event, claims[1].OrderNo = "支付 <ok>", `a"b`
	results := newCourier(t, nil).DeliverBatch(t.Context(), claims)
	if outcomes(results) != "+++" || len(m.Requests()) != 1 {
		t.Fatalf("%+v, %d requests", results, len(m.Requests()))
	}
	for _, r := range results {
		want(t, r, outbox.OutcomeAcknowledged, 200, "")
		if r.Excerpt != "success" || r.Answer != "" || !r.Connected {
			t.Errorf("%+v", r)
		}
	}
	r := m.Requests()[0]
	var list []told
	for i, c := range claims {
		list = append(list, told{outbox.FormatID(c.ID), i + 1, c.Event, c.OrderNo, json.RawMessage(c.Body)})
	}
	if diff := cmp.Diff(list, read(t, r.Body)); diff != "" {
		t.Error(diff)
	}
	r.Header.Del("Content-Length")
	header := http.Header{"Content-Type": {"application/json"}, "User-Agent": {"orderbell/1.2.3"}, "Orderbell-Batch": {"3"}, "X-Shop": {"42"}}
	if diff := cmp.Diff(header, r.Header); diff != "" || r.URL != "/n?x=1" || r.Method != http.MethodPost {
		t.Errorf("%s %s %s", diff, r.Method, r.URL)
	}
}

// Claims share a request where nothing but what is told differs; results keep their order.
func TestBatchSplits(t *testing.T) {
	t.Parallel()
	m := merchanttest.New(t)
	other := *claimFor("").Policy
	other.Name, other.Acknowledge = "other", `body == "other"`
	again := *claimFor("").Policy // as it was read again
	changes := []func(*outbox.Claim){
		func(*outbox.Claim) {},
		func(c *outbox.Claim) { c.Policy = &again },
		func(c *outbox.Claim) { c.Policy = &other },
		func(c *outbox.Claim) { c.URL = m.URL + "/own" },
		func(c *outbox.Claim) { c.Headers = map[string]string{"X-Own": "1"} },
		func(c *outbox.Claim) { c.ContentType = "text/xml" },
		func(c *outbox.Claim) { c.Signature = "none" },
		func(c *outbox.Claim) { p := *c.Policy; p.Acknowledge += " "; c.Policy = &p }, // as it was changed
		func(c *outbox.Claim) { p := *c.Policy; p.Reject = "status == 410"; c.Policy = &p },
		func(c *outbox.Claim) { p := *c.Policy; p.Timeout++; c.Policy = &p },
		func(c *outbox.Claim) { c.Endpoint = "m-2" },
		func(c *outbox.Claim) { c.EndpointURL = c.URL },
		func(c *outbox.Claim) { c.Probe = true },
		func(c *outbox.Claim) { p := *c.Policy; p.Format = outbox.FormatForm; c.Policy = &p },
		func(c *outbox.Claim) { p := *c.Policy; p.Format = outbox.FormatQuery; c.Policy = &p },
		func(c *outbox.Claim) { p := *c.Policy; p.Method = http.MethodGet; c.Policy = &p },
	}
	claims := some(2*len(changes), m.URL+"/n")
	for i, c := range claims {
		changes[i%len(changes)](c)
	}
	results := newCourier(t, nil).DeliverBatch(t.Context(), claims)
	if got := outcomes(results); got != strings.Repeat("++-+++++++++++++", 2) {
		t.Errorf("%s", got)
	}
	var batches []string
	alone := 0
	for _, r := range m.Requests() {
		if r.Header.Get("Orderbell-Batch") == "" {
			if alone++; r.NotificationID == "" || r.Attempt == 0 {
				t.Errorf("%+v", r)
			}
			continue
		}
		var places []string
		for _, one := range read(t, r.Body) {
			places = append(places, fmt.Sprint(one.Attempt-1))
		}
		batches = append(batches, strings.Join(places, " "))
	}
	wanted := []string{"0 1 16 17", "2 18", "3 19", "4 20", "5 21", "6 22", "7 23", "8 24", "9 25", "10 26", "11 27", "12 28"}
	if diff := cmp.Diff(wanted, batches); diff != "" || alone != 6 {
		t.Errorf("%s, %d alone", diff, alone)
	}
}

func TestBatchSizes(t *testing.T) {
	t.Parallel()
	m := merchanttest.New(t)
	claims := some(250, m.URL)
	for _, big := range []int{300, 300, 300, 300, 300, 1100, 1, 1} { // KB
		claims = append(claims, claimFor(m.URL+"/big"))
		claims[len(claims)-1].Body = `"` + strings.Repeat("x", big<<10) + `"`
	}
	if got := outcomes(newCourier(t, nil).DeliverBatch(t.Context(), claims)); got != strings.Repeat("+", len(claims)) {
		t.Errorf("%s", got)
	}
	var counts []int
	seen := 0
	for _, r := range m.Requests() {
		all := read(t, r.Body)
		counts = append(counts, len(all))
		for _, one := range all {
			if r.Path != "/big" && one.OrderNo != fmt.Sprint("o-", seen) {
				t.Errorf("%s comes as number %d", one.OrderNo, seen)
			}
			seen++
		}
		if len(r.Body) > 1<<20 && len(all) > 1 {
			t.Errorf("%d bytes for %d", len(r.Body), len(all))
		}
	}
	if diff := cmp.Diff([]int{100, 100, 50, 3, 2, 1, 2}, counts); diff != "" {
		t.Error(diff)
	}
}

// A body of 1 MB is one that fits, to the byte.
func TestBatchFitsToTheByte(t *testing.T) {
	t.Parallel()
	for _, more := range []int{0, 1} {
		m := merchanttest.New(t)
		claims := some(2, m.URL)
		empty := len(delivery.BatchBody(claims))
		claims[1].Body = strings.Repeat("x", 1<<20-empty+len(claims[1].Body)-len(`""`)+more)
		newCourier(t, nil).DeliverBatch(t.Context(), claims)
		if got := len(m.Requests()); got != 1+more || more == 0 && len(m.Requests()[0].Body) != 1<<20 {
			t.Errorf("%d requests, the first of %d bytes", got, len(m.Requests()[0].Body))
		}
	}
}

// JSON stays what it is, to the digit; anything else is a text.
func TestBatchBodies(t *testing.T) {
	t.Parallel()
	m := merchanttest.New(t)
	for body, want := range map[string]string{
		`{"a":1.00,"b":12345678901234567890,"c":1E400,"a":2}`: `{"a":1.00,"b":12345678901234567890,"c":1E400,"a":2}`,
		" [ 1 ,\n2 ] ":      `[1,2]`,
		`"<&>\u2028\ud800"`: `"<&>\u2028\ud800"`,
		"null":              "null",
		"-0.0":              "-0.0",
		"":                  `""`,
		" ":                 `" "`,
		"a=1&b=<2>":         `"a=1&b=<2>"`,
		"{}x":               `"{}x"`,
		"01":                `"01"`,
		"\ufeff{}":          "\"\ufeff{}\"",
		"\"\xff\"":          "\"\\\"\ufffd\\\"\"",
		"a\x00b\n":          `"a\u0000b\n"`,
	} {
		before := len(m.Requests())
		claims := some(2, m.URL)
		claims[0].Body = body
		newCourier(t, nil).DeliverBatch(t.Context(), claims)
		list := read(t, m.Requests()[before].Body)
		if got := string(list[0].Body); got != want && got != strings.ReplaceAll(want, "\ufffd", `\ufffd`) {
			t.Errorf("%q: %s, want %s", body, got, want)
		}
		if string(list[1].Body) != `{"i":1}` {
			t.Errorf("%q changes its neighbour: %s", body, list[1].Body)
		}
	}
}
