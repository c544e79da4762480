package pgtest_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orderbell/orderbell/internal/pgtest"
)

// recorder is a test whose failure is looked at.
type recorder struct {
	testing.TB
	failure string
}

func (r *recorder) Helper() {}

func (r *recorder) Fatalf(format string, args ...any) {
	r.failure = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func TestEventually(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name      string
		holdsFrom time.Duration
		failure   string
	}{
		{name: "holds at once", holdsFrom: 0},
		{name: "holds in time", holdsFrom: 900 * time.Millisecond},
		{name: "holds too late", holdsFrom: 2 * time.Second, failure: "waited 1s for the light: it is dark"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r, begin, done := &recorder{TB: t}, time.Now(), make(chan struct{})
				go func() {
					defer close(done)
					pgtest.Eventually(r, time.Second, "the light", func() error {
						if time.Since(begin) < test.holdsFrom {
							return errors.New("it is dark")
						}
						return nil
					})
				}()
				<-done
				if !strings.Contains(r.failure, test.failure) || (test.failure == "") != (r.failure == "") {
					t.Errorf("it failed with %q, want %q", r.failure, test.failure)
				}
				if took := time.Since(begin); took > time.Second {
					t.Errorf("it took %s", took)
				}
			})
		})
	}
}
