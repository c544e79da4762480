package merchanttest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/orderbell/orderbell/internal/merchanttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// post sends one request on a connection of its own.
func post(ctx context.Context, url, id, body string) (int, string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	r.Close = true
	r.Header.Set("Orderbell-Notification-Id", id)
	r.Header.Set("Orderbell-Attempt", "3")
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text), err
}

func TestScripts(t *testing.T) {
	t.Parallel()
	m := merchanttest.New(t)
	m.Script("/by/path", merchanttest.Status(500), merchanttest.Answer{Status: 201, Body: "made"})
	m.Script("o-1", merchanttest.Status(404))
	m.Script("", merchanttest.Answer{Body: "other"})
	for _, c := range []struct {
		path, body string
		status     int
		answer     string
	}{
		{"/by/path", "", 500, "Internal Server Error"},
		{"/by/path", "", 201, "made"},
		{"/by/path", "", 201, "made"},
		{"/x", `{"order_no":"o-1"}`, 404, "Not Found"},
		{"/x", "a=b&out_trade_no=o-1", 404, "Not Found"},
		{"/x?order_no=o-1", "", 404, "Not Found"},
		{"/x/o-1", "", 404, "Not Found"},
		{"/x/o-2", "", 200, "other"},
	} {
		status, answer, err := post(t.Context(), m.URL+c.path, "n", c.body)
		if status != c.status || answer != c.answer || err != nil {
			t.Errorf("%s %s: got %d %q %v", c.path, c.body, status, answer, err)
		}
	}
	m.Script("")
	if _, answer, _ := post(t.Context(), m.URL, "n", ""); answer != "success" {
		t.Errorf("without a script: %q", answer)
	}
	if o := m.Overlaps(); len(o) != 0 {
		t.Errorf("overlaps of requests one after the other: %v", o)
	}
}

func TestRecordsRequests(t *testing.T) {
	t.Parallel()
	m := merchanttest.New(t)
	if _, _, err := post(t.Context(), m.URL+"/p?q=1", "id-1", "hello"); err != nil {
		t.Fatal(err)
	}
	got := m.Wait(t.Context(), 1)[0]
	if got.At.IsZero() || got.Header.Get("Orderbell-Attempt") != "3" || "http://"+got.Host != m.URL {
		t.Errorf("got %+v", got)
	}
	got.At, got.Header, got.Host = time.Time{}, nil, ""
	want := merchanttest.Request{
		Method: "POST", URL: "/p?q=1", Path: "/p", Body: "hello", NotificationID: "id-1", Attempt: 3, OrderNo: "p",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	m := merchanttest.New(t)
	for name, c := range map[string]struct {
		fault merchanttest.Fault
		want  func(error) bool
	}{
		"reset":     {merchanttest.Reset, func(err error) bool { return errors.Is(err, syscall.ECONNRESET) }},
		"close":     {merchanttest.Close, func(err error) bool { return errors.Is(err, io.EOF) }},
		"cut short": {merchanttest.CutShort, func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }},
		"garbage":   {merchanttest.Garbage, func(err error) bool { return err != nil && strings.Contains(err.Error(), "malformed") }},
	} {
		m.Script("/"+name[:3], merchanttest.Broken(c.fault))
		if _, _, err := post(t.Context(), m.URL+"/"+name[:3], "", ""); !c.want(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOverlapsAndDelays(t *testing.T) {
	t.Parallel()
	m := merchanttest.New(t)
	release := make(chan struct{})
	m.Script("", merchanttest.Answer{Until: release, Body: "late"})
	results := make(chan string, 3)
	for _, id := range []string{"a", "b", "a"} {
		go func() {
			_, answer, err := post(t.Context(), m.URL, id, "")
			results <- answer
			if err != nil {
				t.Error(err)
			}
		}()
	}
	m.Wait(t.Context(), 3)
	if diff := cmp.Diff([]string{"a"}, m.Overlaps()); diff != "" {
		t.Error(diff)
	}
	close(release)
	for range 3 {
		if answer := <-results; answer != "late" {
			t.Errorf("got %q", answer)
		}
	}
}

func TestHangEndsWithTheSender(t *testing.T) {
	t.Parallel()
	m := merchanttest.New(t)
	m.Script("", merchanttest.Broken(merchanttest.Hang), merchanttest.Success())
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, _, err := post(ctx, m.URL, "a", "")
		done <- err
	}()
	m.Wait(t.Context(), 1)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if len(m.Requests()) != 1 {
		t.Errorf("got %d requests", len(m.Requests()))
	}
}

func TestHangEndsWithTheTest(t *testing.T) {
	t.Parallel()
	done := make(chan error, 1)
	t.Run("inner", func(t *testing.T) {
		m := merchanttest.New(t)
		m.Script("", merchanttest.Broken(merchanttest.Hang))
		go func() {
			_, _, err := post(context.Background(), m.URL, "a", "")
			done <- err
		}()
		m.Wait(t.Context(), 1)
	})
	if err := <-done; err == nil {
		t.Error("the hanging request got an answer")
	}
}
