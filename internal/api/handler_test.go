package api_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orderbell/orderbell/internal/api"
	"github.com/orderbell/orderbell/internal/outbox"
)

// shelf is a database with one order, o/1, of m-1.
type shelf struct {
	api.NoDatabase

	hash  [sha256.Size]byte // of m-1's token
	fails error
	block chan struct{} // orders are looked up when it is closed; nil: at once

	mu      sync.Mutex
	lookups int
}

func (s *shelf) TokenEndpoint(_ context.Context, hash []byte) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lookups++
	if string(hash) == string(s.hash[:]) {
		return "m-1", s.fails
	}
	return "", s.fails
}

func (s *shelf) Order(ctx context.Context, endpoint, orderNo string) ([]api.Order, error) {
	if s.block != nil {
		select {
		case <-s.block:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if endpoint == "m-1" && orderNo == "o/1" {
		return []api.Order{{Notification: api.Notification{OrderNo: orderNo}}}, nil
	}
	return nil, nil
}

func (s *shelf) Page(_ context.Context, _ string, _, _ outbox.ID, limit int) ([]api.Message, bool, error) {
	if limit == 1 {
		return nil, false, nil
	}
	id := api.FirstOf(time.Now())
	return []api.Message{{Notification: api.Notification{ID: outbox.FormatID(id)}, Body: fmt.Sprint(limit)}}, true, nil
}

// counter is an API, and a token that is good.
type counter struct {
	*api.API

	shelf *shelf
	token string
	log   *bytes.Buffer
}

func newCounter() counter {
	token, hash, _ := api.NewToken()
	c := counter{shelf: &shelf{hash: [32]byte(hash)}, token: token, log: &bytes.Buffer{}}
	c.API = api.New(c.shelf, slog.New(slog.NewTextHandler(c.log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	return c
}

// ask asks with a token, from an address.
func (c counter) ask(method, path, authorization, from string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(method, "http://api.example"+path, nil)
	request.RemoteAddr = from
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	w := httptest.NewRecorder()
	c.ServeHTTP(w, request)
	return w
}

const somewhere = "192.0.2.1:4711"

// patiently waits where a request was refused for its rate: tests ask faster than merchants may.
func (c counter) patiently(method, path string) *httptest.ResponseRecorder {
	for {
		response := c.ask(method, path, "Bearer "+c.token, somewhere)
		if response.Code != http.StatusTooManyRequests {
			return response
		}
		time.Sleep(time.Second) // of a clock that is turned
	}
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCounter()
		cursor := api.CursorOf("m-1", outbox.ID{1})
		for _, test := range []struct {
			method, path string
			status       int
			body         string
		}{
			{"GET", "/v1/orders/o%2F1", 200, `{"order_no":"o/1","notifications":[{"id":"",`},
			{"HEAD", "/v1/orders/o%2F1", 200, ""},
			{"GET", "/v1/orders/o/1", 404, "there is nothing here"},
			{"GET", "/v1/orders/o%2F2", 404, "no notification of this order"},
			{"GET", "/v1/orders/%00", 404, "no notification of this order"},
			{"GET", "/v1/orders/%FF", 404, "no notification of this order"},
			{"GET", "/v1/orders/" + strings.Repeat("x", 5000), 404, "no notification of this order"},
			{"GET", "/v1/orders/..", 404, "no notification of this order"},
			{"GET", "/v1/orders/", 404, "there is nothing here"},
			{"GET", "/v1/orders", 404, "there is nothing here"},
			{"GET", "//v1/orders/o%2F1", 404, "there is nothing here"},
			{"GET", "/V1/orders/o%2F1", 404, "there is nothing here"},
			{"GET", "/", 404, "there is nothing here"},
			{"POST", "/v1/orders/o%2F1", 405, "only GET and HEAD"},
			{"DELETE", "/v1/notifications", 405, "only GET and HEAD"},
			{"OPTIONS", "/v1/notifications", 405, "only GET and HEAD"},
			{"GET", "/v1/notifications", 200, `"body":"100"`},
			{"GET", "/v1/notifications?limit=500&after=" + cursor, 200, `"body":"500"`},
			{"GET", "/v1/notifications?limit=1", 200, `{"notifications":[],"next_cursor":"`},
			{"GET", "/v1/notifications/", 404, "there is nothing here"},
			{"GET", "/v1/notifications?limit=501", 400, "limit is no whole number from 1 to 500"},
			{"GET", "/v1/notifications?limit=0", 400, "limit"},
			{"GET", "/v1/notifications?limit=", 400, "limit"},
			{"GET", "/v1/notifications?limit=1e2", 400, "limit"},
			{"GET", "/v1/notifications?limit=99999999999999999999", 400, "limit"},
			{"GET", "/v1/notifications?after=", 400, "after is no cursor"},
			{"GET", "/v1/notifications?after=" + api.CursorOf("m-2", outbox.ID{1}), 400, "after is no cursor"},
			{"GET", "/v1/notifications?after=" + cursor + "&after=" + cursor, 400, "after is given more than once"},
			{"GET", "/v1/notifications?cursor=" + cursor, 400, "after and limit alone"},
			{"GET", "/v1/notifications?limit=1;after=x", 400, "malformed"},
			{"GET", "/v1/notifications?limit=%zz", 400, "malformed"},
			{"GET", "/v1/notifications?endpoint=m-2", 400, "after and limit alone"},
		} {
			got := c.patiently(test.method, test.path)
			body := got.Body.Bytes()
			if got.Code != test.status || test.method != "HEAD" && !strings.Contains(string(body), test.body) {
				t.Errorf("%s %.60s: %d %s", test.method, test.path, got.Code, body)
			}
			if test.status != 200 && !strings.HasPrefix(string(body), `{"error":"`) {
				t.Errorf("%s %.60s: no error in JSON: %s", test.method, test.path, body)
			}
			for name, want := range map[string]string{
				"Content-Type": "application/json", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
				"Allow": map[int]string{405: "GET, HEAD"}[test.status], "Content-Length": fmt.Sprint(len(body)),
			} {
				if have := got.Header().Get(name); have != want {
					t.Errorf("%s %.60s: %s is %q", test.method, test.path, name, have)
				}
			}
		}
		if c.log.Len() > 0 {
			t.Errorf("the log says %s", c.log)
		}
	})
}

func TestWhoMayAsk(t *testing.T) {
	t.Parallel()
	c := newCounter()
	other, _, _ := api.NewToken()
	for authorization, status := range map[string]int{
		"Bearer " + c.token: 200, "bearer   " + c.token: 200, "BEARER " + c.token: 200,
		"": 401, c.token: 401, "Bearer": 401, "Bearer ": 401, "Basic " + c.token: 401, "Bearer " + c.token + "x": 401,
		"Bearer " + c.token[1:]: 401, "Bearer " + strings.ToUpper(c.token): 401, "Bearer " + other: 401,
		"Bearer " + c.token + " ": 401, "Bearer " + c.token + "," + c.token: 401, "Bearer ' or true --": 401,
	} {
		got := c.ask("GET", "/v1/notifications", authorization, somewhere)
		if got.Code != status || (got.Header().Get("WWW-Authenticate") != "") != (status == 401) {
			t.Errorf("%q: %d %v", authorization, got.Code, got.Header())
		}
	}
	request := httptest.NewRequest(http.MethodGet, "/v1/notifications?access_token="+c.token, nil)
	request.Header["Authorization"] = []string{"Bearer " + c.token, "Bearer " + c.token}
	w := httptest.NewRecorder()
	if c.ServeHTTP(w, request); w.Code != 401 {
		t.Errorf("two tokens: %d", w.Code)
	}
}

func TestTheRateOfAToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCounter()
		count := func(n int) (answered int, last *httptest.ResponseRecorder) {
			for range n {
				if last = c.ask("GET", "/v1/notifications", "Bearer "+c.token, somewhere); last.Code == http.StatusOK {
					answered++
				}
			}
			return answered, last
		}
		if n, last := count(30); n != 20 || last.Code != 429 || last.Header().Get("Retry-After") != "1" {
			t.Errorf("%d of 30 were answered, then %d %v", n, last.Code, last.Header())
		}
		time.Sleep(time.Second)
		if n, _ := count(30); n != 10 {
			t.Errorf("%d of 30 were answered a second later", n)
		}
	})
}

// Who guesses is not looked up for long; who is known from there goes on.
func TestFailuresOfAnAddress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCounter()
		ask := func(token, from string) int {
			return c.ask("GET", "/v1/notifications", "Bearer "+token, from).Code
		}
		if got := ask(c.token, "[2001:db8::1]:1"); got != 200 {
			t.Fatal(got)
		}
		c.shelf.lookups = 0
		for i := range 100 {
			token, _, _ := api.NewToken()
			if got, want := ask(token, fmt.Sprintf("[2001:db8::%x]:1", i+1)), map[bool]int{true: 401, false: 429}[i < 20]; got != want {
				t.Fatalf("the %dth guess: %d", i+1, got)
			}
		}
		if c.shelf.lookups != 20 {
			t.Errorf("%d were looked up", c.shelf.lookups)
		}
		other, _, _ := api.NewToken()
		if got := ask(other, "[2001:db8:0:1::1]:1"); got != 401 {
			t.Errorf("another network: %d", got)
		}
		if got := ask(c.token, "[2001:db8::2]:1"); got != 200 {
			t.Errorf("who is known: %d", got)
		}
		time.Sleep(time.Second)
		if got := ask(other, "[2001:db8::3]:1"); got != 401 {
			t.Errorf("a second later: %d", got)
		}
	})
}

// Four answers of a token at a time; and none keeps others waiting for longer than it may.
func TestAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCounter()
		c.shelf.block = make(chan struct{})
		var asking sync.WaitGroup
		statuses := make(chan int, 6)
		for range 6 {
			asking.Go(func() { statuses <- c.ask("GET", "/v1/orders/o%2F1", "Bearer "+c.token, somewhere).Code })
		}
		synctest.Wait()
		began := time.Now()
		asking.Wait() // nobody opens the block
		got := map[int]int{}
		for range 6 {
			got[<-statuses]++
		}
		if got[429] != 2 || got[503] != 4 || time.Since(began) > 10*time.Second {
			t.Errorf("%v after %s", got, time.Since(began))
		}
		close(c.shelf.block)
		if got := c.ask("GET", "/v1/orders/o%2F1", "Bearer "+c.token, somewhere); got.Code != 200 {
			t.Errorf("then: %d", got.Code)
		}
	})
}

type awayError struct{}

func (awayError) Error() string { return "look up a token: connection refused" }
func (awayError) Away() bool    { return true }

// Trouble is told without its cause, which is logged once.
func TestTrouble(t *testing.T) {
	t.Parallel()
	for status, err := range map[int]error{503: fmt.Errorf("twice: %w", awayError{}), 500: errors.New("column canary is missing")} {
		c := newCounter()
		c.shelf.fails = err
		for range 3 {
			got := c.ask("GET", "/v1/notifications", "Bearer "+c.token, somewhere)
			body := got.Body.Bytes()
			if got.Code != status || strings.Contains(string(body), "canary") || (got.Header().Get("Retry-After") == "5") != (status == 503) {
				t.Errorf("%d %s %v", got.Code, body, got.Header())
			}
		}
		if said := c.log.String(); strings.Count(said, "\n") != 1 || !strings.Contains(said, err.Error()) || strings.Contains(said, c.token) {
			t.Errorf("the log says %s", said)
		}
		c.shelf.fails = nil
		if got := c.ask("GET", "/v1/notifications", "Bearer "+c.token, somewhere); got.Code != 200 {
			t.Errorf("then: %d", got.Code)
		}
	}
}

func TestTokensAreRandom(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 1000 {
		token, hash, hint := api.NewToken()
		sum := sha256.Sum256([]byte(token))
		if seen[token] || !strings.HasSuffix(token, hint) || len(hint) != 4 || string(hash) != string(sum[:]) {
			t.Fatalf("%s %x %s", token, hash, hint)
		}
		seen[token] = true
	}
}
