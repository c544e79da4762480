package chaos_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/chaos"
	"github.com/orderbell/orderbell/internal/pgtest"
)

func TestTempers(t *testing.T) {
	t.Parallel()
	told := make(chan struct{})
	close(told)
	for _, test := range []struct {
		name   string
		temper chaos.Temper
		want   string // the answers to three requests
	}{
		{"prompt", chaos.Prompt(), "200 200 200"},
		{"failing", chaos.Failing(), "500 500 500"},
		{"stumbling", chaos.Stumbling(2), "500 500 200"},
		{"slow", chaos.Slow(time.Millisecond), "200 200 200"},
		{"hanging until told", chaos.Hanging(told), "200 200 200"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			m := chaos.NewMerchants(t)
			url := m.Open("m-1", test.temper)
			var got []string
			for range 3 {
				got = append(got, post(t.Context(), t, url)[:3])
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("it answered %v, want %s", got, test.want)
			}
			for i, r := range m.Requests() {
				if r.ID != "an id" || r.Attempt != 7 || r.Nth != i+1 || r.Endpoint != "m-1" || r.Body != "text" ||
					r.Acknowledges != (got[i] == "200") || r.Answered.Before(r.Arrived) || r.Failure != "" {
					t.Errorf("it noted %+v", r)
				}
			}
		})
	}
}

func TestNobodyIsLeftToAnswer(t *testing.T) {
	t.Parallel()
	m := chaos.NewMerchants(t)
	url := m.Open("m-1", chaos.Hanging(nil))
	ctx, leave := context.WithCancel(t.Context())
	m.OnRequest(func(chaos.Request) { leave() })
	if got := post(ctx, t, url); !strings.Contains(got, "canceled") {
		t.Errorf("the request ended with %s", got)
	}
	pgtest.Eventually(t, time.Minute, "the merchant to notice", func() error {
		if r := m.Requests()[0]; r.Failure == "" || r.Acknowledges {
			return io.ErrNoProgress
		}
		return nil
	})
}

// post returns the answer's status line, or the error.
func post(ctx context.Context, t *testing.T, url string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader("text"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Orderbell-Notification-Id", "an id")
	r.Header.Set("Orderbell-Attempt", "7")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(r)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	return response.Status
}
