package app_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/app"
	"github.com/orderbell/orderbell/internal/chaos"
	"github.com/orderbell/orderbell/internal/config"
	"github.com/orderbell/orderbell/internal/merchanttest"
	"github.com/orderbell/orderbell/internal/pgtest"
)

// alike makes what PostgreSQL and the API write about the same row comparable: times differ
// in how they are written.
func alike(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key := range v {
			v[key] = alike(v[key])
		}
	case []any:
		for i := range v {
			v[i] = alike(v[i])
		}
	case string:
		if at, err := time.Parse(time.RFC3339, v); err == nil {
			return at.UTC().Format(time.RFC3339Nano)
		}
	}
	return value
}

func fromJSON(t *testing.T, text string) any {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return alike(value)
}

// The answers are the views', column for column.
func TestMerchantsSeeWhatTheViewsSay(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	merchant := merchanttest.New(t)
	merchant.Script("A/1 ü", merchanttest.Status(500), merchanttest.Success())
	s.endpoint("m-1", merchant.URL+"/notify?canary=1", "quick")
	c := s.opens(func(c *config.Config) { c.Worker.Paused = false })
	token := s.token("m-1")
	s.settled(s.enqueue("m-1", "A/1 ü", `{"n": 1}`), 1)
	s.ended(s.enqueue("m-1", "A/1 ü", "two"))

	const row = `select coalesce(json_agg(%s order by s.id), '[]')::text from orderbell.notification_status s join orderbell.notification n using (id)`
	var want string
	s.get(fmt.Sprintf(row, `to_jsonb(s) || jsonb_build_object('attempts', (
		select coalesce(jsonb_agg(to_jsonb(a) - '{worker,notification_id,endpoint,event,order_no}'::text[] order by attempt), '[]')
		from orderbell.delivery_history a where a.notification_id = s.id))`), nil, &want)
	status, body, _ := c.get(token, "/v1/orders/"+url.PathEscape("A/1 ü"))
	got := fromJSON(t, body).(map[string]any)
	if diff := cmp.Diff(fromJSON(t, want), got["notifications"]); diff != "" || status != 200 || got["order_no"] != "A/1 ü" {
		t.Errorf("%d, the order (-view +answer):\n%s", status, diff)
	}
	if notifications := got["notifications"].([]any); len(notifications) != 2 || len(notifications[0].(map[string]any)["attempts"].([]any)) != 1 {
		t.Errorf("the answer has %s", body)
	}

	s.get(fmt.Sprintf(row, `to_jsonb(s) || jsonb_build_object('body', n.body, 'content_type', n.content_type)`), nil, &want)
	pgtest.Eventually(t, 10*time.Second, "the page is there", func() error {
		_, body, _ := c.get(token, "/v1/notifications")
		page := fromJSON(t, body).(map[string]any)
		if diff := cmp.Diff(fromJSON(t, want), page["notifications"]); diff != "" {
			return fmt.Errorf("the page (-view +answer):\n%s", diff)
		}
		return nil
	})
}

// Nobody sees another's notifications, whatever is asked.
func TestMerchantsSeeTheirOwnAlone(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for _, id := range []string{"m-1", "m-2"} {
		s.endpoint(id, "http://127.0.0.1:1/", "quick")
	}
	s.enqueue("m-1", "shared", "canary of one")
	s.enqueue("m-2", "shared", "body of two")
	s.enqueue("m-1", "only-one", "canary of one")
	c := s.opens(nil)
	one, two := s.token("m-1"), s.token("m-2")

	p := c.puller(one)
	pgtest.Eventually(t, 10*time.Second, "one has both", func() error {
		if p.next(1); len(p.seen) < 2 {
			return fmt.Errorf("there are %v", p.seen)
		}
		return nil
	})
	_, unknown, header := c.get(two, "/v1/orders/nowhere")
	for _, orderNo := range []string{"only-one", "shared%00", "shared'--", "%25", "' or endpoint = 'm-1", "*", "shared\n", "..%2Forders%2Fonly-one", strings.Repeat("z", 8000)} {
		status, body, got := c.get(two, "/v1/orders/"+url.PathEscape(orderNo))
		if strings.Contains(orderNo, "%") {
			status, body, got = c.get(two, "/v1/orders/"+strings.ReplaceAll(strings.ReplaceAll(orderNo, " ", "%20"), "\n", "%0A"))
		}
		got.Del("Date")
		if header.Del("Date"); status != 404 || body != unknown || cmp.Diff(header, got) != "" {
			t.Errorf("%.40q: %d %s %v, an unknown one: %s %v", orderNo, status, body, got, unknown, header)
		}
	}
	for path, want := range map[string]int{
		"/v1/orders/shared": 200, "/v1/notifications": 200, "/v1/notifications?endpoint=m-1": 400, "/v1/orders/shared?endpoint=m-1": 200,
		"/v1/notifications?after=" + p.cursor: 400, "/v1/orders/shared/../only-one": 404, "/v1/orders/": 404,
	} {
		status, body, _ := c.get(two, path)
		if status != want || strings.Contains(body, "canary") || strings.Contains(body, `"endpoint":"m-1"`) || strings.Contains(body, "only-one") {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}

func TestTokensEnd(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.endpoint("m-1", "http://127.0.0.1:1/", "quick")
	s.enqueue("m-1", "A1", "")
	c := s.opens(nil)
	for _, test := range []struct{ name, statement string }{
		{"expired", "update orderbell.token set expires_at = clock_timestamp()"},
		{"revoked", "select orderbell.revoke_token(endpoint, hint) from orderbell.token"},
		{"its endpoint deleted", "delete from orderbell.endpoint"},
	} {
		token := s.token("m-1")
		if status, body, _ := c.get(token, "/v1/orders/A1"); status != 200 {
			t.Errorf("before it was %s: %d %s", test.name, status, body)
		}
		s.exec(test.statement)
		if status, _, _ := c.get(token, "/v1/orders/A1"); status != 401 {
			t.Errorf("%s: %d", test.name, status)
		}
	}
	if status, _, header := c.get("", "/v1/orders/A1"); status != 401 || header.Get("WWW-Authenticate") == "" {
		t.Errorf("without one: %d", status)
	}
}

// The database goes away and comes back; merchants are told, and nothing has to be restarted.
func TestMerchantsAskWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.endpoint("m-1", "http://127.0.0.1:1/", "quick")
	s.enqueue("m-1", "A1", "")
	address, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	proxy := chaos.NewProxy(t, address.Host)
	address.Host = proxy.Addr()
	token := s.token("m-1")
	c := s.opens(func(c *config.Config) { c.Database.URL = address.String() })
	is := func(want int, retry string) {
		t.Helper()
		pgtest.Eventually(t, 20*time.Second, fmt.Sprint("the answer is ", want), func() error {
			for _, path := range []string{"/v1/orders/A1", "/v1/notifications"} {
				if status, body, header := c.get(token, path); status != want || header.Get("Retry-After") != retry {
					return fmt.Errorf("%s: it is %d %s", path, status, body)
				}
			}
			return nil
		})
	}
	is(200, "")
	proxy.Refuse(true)
	proxy.Reset()
	is(503, "5")
	proxy.Heal()
	is(200, "")
}

// What is ours stays with us, in every state.
func TestWhatIsOursIsNotTold(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.endpoint("m-1", "http://127.0.0.1:1/", "quick")
	s.endpoint("m-2", "http://127.0.0.1:1/", "webhook")
	want := map[string]string{}
	place := func(endpoint, orderNo, starts, statement string) {
		id := s.enqueue(endpoint, orderNo, "")
		want[endpoint+" "+orderNo] = starts
		s.exec(strings.ReplaceAll(statement, "ID", "'"+id+"'"))
	}
	const attempt = `insert into orderbell.attempt (notification_id, attempt, round, started_at, duration_us, outcome, endpoint, worker, error)
		values (ID, 1, 0, now(), 1, '%s', 'm-1', 'worker-canary', '%s');
		update orderbell.delivery set attempt_count = 1, rung = 1, next_attempt_at = now() + interval '1 h' where notification_id = ID`
	place("m-1", "in flight", "attempt 1 is being made", "update orderbell.delivery set state = 'in_flight', attempt_count = 1, claimed_by = 'worker-canary/1234', leased_until = now() + interval '1 h' where notification_id = ID")
	place("m-1", "unknown", "attempt 1: the endpoint may or may not have been told; waiting on rung 1", fmt.Sprintf(attempt, "unknown", "worker worker-canary lost its lease"))
	place("m-1", "blocked", "attempt 1: blocked by the sender's address policy; waiting on rung 1", fmt.Sprintf(attempt, "blocked", "blocked by the address policy: canary"))
	place("m-1", "answered", "attempt 1: status 500; waiting on rung 1", fmt.Sprintf(attempt, "answered", "status 500"))
	place("m-1", "cancelled", "cancelled at ", "select orderbell.cancel('m-1', 'cancelled')")
	place("m-2", "parked", "the sender keeps it back", "update orderbell.policy set fault = 'canary' where name = 'webhook'")
	c := s.opens(nil)
	ask := func() {
		t.Helper()
		for place, starts := range want {
			endpoint, orderNo, _ := strings.Cut(place, " ")
			status, body, _ := c.get(s.token(endpoint), "/v1/orders/"+url.PathEscape(orderNo))
			said := fromJSON(t, body).(map[string]any)["notifications"].([]any)[0].(map[string]any)["explanation"].(string)
			if status != 200 || !strings.HasPrefix(said, starts) || strings.Contains(body, "canary") || strings.Contains(body, "cancelled by") {
				t.Errorf("%s: %d %s", place, status, body)
			}
		}
	}
	ask()
	s.exec("select orderbell.pause('m-1', 'canary')")
	want["m-1 answered"] = "the sender keeps it back"
	delete(want, "m-1 unknown")
	delete(want, "m-1 blocked")
	ask()
}

// A second worker on the same machine must be told to listen elsewhere.
func TestAListenerThatIsTaken(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	c := s.config("w1")
	c.API.Listen = taken.Addr().String()
	err = app.Work(t.Context(), nil, c, "test", app.NewLog(t.Output(), config.Log{}))
	if err == nil || !strings.Contains(err.Error(), "open api.listen: ") {
		t.Errorf("the worker ended with: %v", err)
	}
}
