package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/pgtest"
)

func open(t *testing.T) (*merchants, *http.Client) {
	t.Helper()
	m, err := openMerchants(t.Context(), "o", tempers())
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(func() {
		if err := m.close(context.Background()); err != nil {
			t.Error(err)
		}
		client.CloseIdleConnections()
	})
	return m, client
}

func notice(ctx context.Context, t *testing.T, m *merchants, endpoint, id string, attempt int) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, m.url+"/"+endpoint, strings.NewReader(`{"order_no":"o-`+id+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Orderbell-Notification-Id", id)
	r.Header.Set("Orderbell-Attempt", fmt.Sprint(attempt))
	return r
}

func TestTempers(t *testing.T) {
	t.Parallel()
	for endpoint, want := range map[string][]string{
		"demo-prompt":   {"200 success", "200 success"},
		"demo-flaky":    {"500 oops", "200 fail", "502 <html>bad gateway</html>", "200 success", "200 success"},
		"demo-shouting": {"200 SUCCESS\n"},
		"demo-slow":     {"200 success"},
		"demo-failing":  {"500 internal error", "500 internal error"},
		"demo-almost":   {`200 {"code":"SUCCESS"}`},
		"demo-nobody":   {"404 404 page not found\n"},
	} {
		t.Run(endpoint, func(t *testing.T) {
			t.Parallel()
			m, client := open(t)
			var got []string
			for i := range want {
				response, err := client.Do(notice(t.Context(), t, m, endpoint, "n-1", i+1))
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(response.Body)
				if err := errors.Join(err, response.Body.Close()); err != nil {
					t.Fatal(err)
				}
				got = append(got, fmt.Sprintf("%d %s", response.StatusCode, body))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMerchantsNoteEveryRequest(t *testing.T) {
	t.Parallel()
	m, client := open(t)
	for i := range 4 {
		for _, id := range []string{"n-1", "n-2"} { // each has its own failures
			response, err := client.Do(notice(t.Context(), t, m, "demo-flaky", id, i+1))
			if err != nil {
				t.Fatal(err)
			}
			if err := response.Body.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	stranger := notice(t.Context(), t, m, "demo-flaky", "n-3", 1)
	stranger.Body = io.NopCloser(strings.NewReader(`{"order_no":"other-1"}`))
	stranger.ContentLength = -1
	response, err := client.Do(stranger)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		t.Fatal(err)
	}
	log := m.log.all()
	if len(log) != 9 {
		t.Fatalf("%d requests were noted", len(log))
	}
	last := log[7]
	if last.answered < last.at || last.at < log[0].answered {
		t.Errorf("the times run backwards: %+v", last)
	}
	last.at, last.answered = 0, 0
	want := request{id: "n-2", orderNo: "o-n-2", merchant: 1, attempt: 4, status: 200, acknowledged: true}
	if last != want {
		t.Errorf("got %+v, want %+v", last, want)
	}
	if log[4].acknowledged || log[4].status != 502 {
		t.Errorf("the third is noted as %+v", log[4])
	}
	if got, want := m.log.perMerchant[1], (merchantCount{attempts: 8, acknowledged: 2}); got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
}

func TestSilentUntilTheSenderGoes(t *testing.T) {
	t.Parallel()
	m, client := open(t)
	unanswered(t, m, client, "demo-silent")
}

// A slow merchant whose sender has gone has acknowledged nothing.
func TestSlowWithoutASender(t *testing.T) {
	t.Parallel()
	m, client := open(t)
	unanswered(t, m, client, "demo-slow")
}

func unanswered(t *testing.T, m *merchants, client *http.Client, endpoint string) {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	failed := make(chan error, 1)
	go func() {
		response, err := client.Do(notice(ctx, t, m, endpoint, "n-1", 1))
		if err == nil {
			_ = response.Body.Close()
		}
		failed <- err
	}()
	received := func() error {
		if len(m.log.all()) == 0 {
			return errors.New("nothing was received")
		}
		return nil
	}
	pgtest.Eventually(t, 5*time.Second, "the request", received)
	leave()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("the sender got %v", err)
	}
	if err := m.server.Shutdown(t.Context()); err != nil { // waits for the handler
		t.Error(err)
	}
	if r := m.log.all()[0]; r.status != 0 || r.acknowledged {
		t.Errorf("noted as %+v", r)
	}
}

func TestMerchantsCloseWhileSomebodyWaits(t *testing.T) {
	t.Parallel()
	m, err := openMerchants(t.Context(), "o", tempers())
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	failed := make(chan error, 1)
	go func() {
		response, err := client.Do(notice(t.Context(), t, m, "demo-silent", "n-1", 1))
		if err == nil {
			_ = response.Body.Close()
		}
		failed <- err
	}()
	pgtest.Eventually(t, 5*time.Second, "the request", func() error {
		if len(m.log.all()) == 0 {
			return errors.New("nothing was received")
		}
		return nil
	})
	if err := m.close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-failed; err == nil {
		t.Error("the silent merchant answered")
	}
}

// What arrives may be anything.
func FuzzRead(f *testing.F) {
	f.Add(`{"order_no":"o-1"}`, "1", "n-1")
	f.Add(`{"order_no":7}`, "-1", "")
	f.Add(`[`, "99999999999999999999", "\x00")
	f.Fuzz(func(t *testing.T, body, attempt, id string) {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header["Orderbell-Attempt"], r.Header["Orderbell-Notification-Id"] = []string{attempt}, []string{id}
		if got := read(r, []byte(body), 3); got.id != id || got.merchant != 3 || got.acknowledged {
			t.Errorf("read %+v", got)
		}
	})
}

func TestTurns(t *testing.T) {
	t.Parallel()
	of := tempers()
	shares := make([]int, len(of))
	for _, i := range turns(of) {
		shares[i]++
	}
	for i, temper := range of {
		if shares[i] != temper.share {
			t.Errorf("%s has %d turns, want %d", temper.endpoint, shares[i], temper.share)
		}
	}
}
