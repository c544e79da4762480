package merchanttest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/orderbell/orderbell/internal/merchanttest"
)

func TestHeadersOfAnswers(t *testing.T) {
	t.Parallel()
	m := merchanttest.New(t)
	for _, status := range []int{301, 302, 303, 307, 308} {
		m.Script("", merchanttest.Answer{Status: status, Header: http.Header{
			"Location": {"http://169.254.169.254/latest"}, "Retry-After": {"7", "8"}, "Connection": {"close"},
		}})
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, m.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != status || answer.Header.Get("Location") != "http://169.254.169.254/latest" || len(answer.Header["Retry-After"]) != 2 || !answer.Close {
			t.Errorf("got %d, %v", answer.StatusCode, answer.Header)
		}
	}
}

func TestOrderOfARequest(t *testing.T) {
	t.Parallel()
	m := merchanttest.New(t)
	for _, c := range []struct{ path, body, want string }{
		{"/n/7", "", "7"},
		{"/n/7/", "", "7"},
		{"", "", "/"},
		{"/n?order_no=1", "", "1"},
		{"/n?out_trade_no=1", "", "1"},
		{"/n?out_trade_no=1&order_no=2", "", "2"},
		{"/n?order_no=1", `{"order_no":"2"}`, "2"},
		{"/n?order_no=1", "order_no=2", "2"},
		{"/n", `{"out_trade_no":"2"}`, "2"},
		{"/n", `{"out_trade_no":"1","order_no":"2"}`, "2"},
		{"/n", `{"order_no":""}`, "n"},
		{"/n", `{"order_no":7}`, "n"},
		{"/n", "\x00{", "n"},
	} {
		before := len(m.Requests())
		if _, _, err := post(t.Context(), m.URL+c.path, "id", c.body); err != nil {
			t.Fatal(err)
		}
		if got := m.Requests()[before].OrderNo; got != c.want {
			t.Errorf("%s with %q: got %q, want %q", c.path, c.body, got, c.want)
		}
	}
}

func TestPathsScriptComesFirst(t *testing.T) {
	t.Parallel()
	m := merchanttest.New(t)
	m.Script("", merchanttest.Answer{Body: "rest"})
	m.Script("o-1", merchanttest.Answer{Body: "order"})
	m.Script("/n", merchanttest.Answer{Body: "path"})
	for path, want := range map[string]string{"/n?order_no=o-1": "path", "/x?order_no=o-1": "order", "/x?order_no=o-2": "rest"} {
		if _, got, err := post(t.Context(), m.URL+path, "id", ""); got != want || err != nil {
			t.Errorf("%s: got %q, %v", path, got, err)
		}
	}
}

// Many at once: each request is recorded once, and a script of n answers gives
// each of them once before it repeats the last.
func TestManySendersShareAScript(t *testing.T) {
	t.Parallel()
	const senders = 32
	m := merchanttest.New(t)
	var script []merchanttest.Answer
	for i := range senders {
		script = append(script, merchanttest.Answer{Body: fmt.Sprint(i)})
	}
	m.Script("", script...)
	script[0].Body = "changed later"
	var mu sync.Mutex
	var all sync.WaitGroup
	seen := map[string]int{}
	for i := range senders {
		all.Go(func() {
			_, body, err := post(t.Context(), m.URL, fmt.Sprint("id-", i), "")
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			seen[body]++
		})
	}
	all.Wait()
	if len(seen) != senders || len(m.Wait(t.Context(), senders)) != senders || len(m.Overlaps()) != 0 {
		t.Errorf("answers %v, %d requests, overlaps %v", seen, len(m.Requests()), m.Overlaps())
	}
	if _, body, _ := post(t.Context(), m.URL, "id", ""); body != fmt.Sprint(senders-1) {
		t.Errorf("the last answer is not repeated: %q", body)
	}
}

// A sender that gives up a delayed answer leaves the others their answers.
func TestGivingUpADelayedAnswer(t *testing.T) {
	t.Parallel()
	m := merchanttest.New(t)
	never := make(chan struct{})
	m.Script("", merchanttest.Answer{Until: never}, merchanttest.Success())
	ctx, giveUp := context.WithCancel(t.Context())
	gaveUp := make(chan error)
	go func() {
		_, _, err := post(ctx, m.URL, "a", "")
		gaveUp <- err
	}()
	m.Wait(t.Context(), 1)
	giveUp()
	if err := <-gaveUp; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, body, err := post(t.Context(), m.URL, "b", ""); body != "success" || err != nil {
		t.Errorf("got %q, %v", body, err)
	}
}

func TestFaultsKeepTheirStatus(t *testing.T) {
	t.Parallel()
	m := merchanttest.New(t)
	m.Script("", merchanttest.Answer{Status: 503, Fault: merchanttest.CutShort, Body: strings.Repeat("x", 9)})
	status, body, err := post(t.Context(), m.URL, "a", "")
	if status != 503 || body != strings.Repeat("x", 9) || err == nil {
		t.Errorf("got %d, %q, %v", status, body, err)
	}
	m.Script("", merchanttest.Broken(merchanttest.Close), merchanttest.Success())
	if _, _, err := post(t.Context(), m.URL, "a", ""); err == nil {
		t.Error("an answer came of a closed connection")
	}
	if _, body, err := post(t.Context(), m.URL, "a", ""); body != "success" || err != nil {
		t.Errorf("after a fault: %q, %v", body, err)
	}
	if n := len(m.Requests()); n != 3 {
		t.Errorf("%d requests", n)
	}
}
