package worker

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// told is what faults have written, a line each.
type told struct{ bytes.Buffer }

func (o *told) lines() []string { return strings.Split(strings.TrimSpace(o.String()), "\n") }

func newFaults() (*faults, *told) {
	out := &told{}
	return &faults{log: slog.New(slog.NewTextHandler(out, nil))}, out
}

func TestRepeatingFailureIsLoggedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, out := newFaults()
		for range 10 {
			if !f.meet("look", errors.New("connection refused")) {
				t.Fatal("a failure is none")
			}
			time.Sleep(lineEvery)
		}
		f.meet("look", errors.New("the database system is starting up"))
		time.Sleep(lineEvery)
		f.meet("settle", nil)
		f.meet("look", nil)
		f.meet("look", nil)
		if len(out.lines()) != 3 || !strings.Contains(out.String(), "the database is back") || !strings.Contains(out.String(), "after=11s") {
			t.Errorf("wanted two failures and the end:\n%s", out)
		}
	})
}

// An outage has many faces, in every part of a worker; the log has a line a second.
func TestAnOutageIsTold_ALineASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, out := newFaults()
		const seconds = 20
		parts := []string{"look", "settle", "renew", "claim", "fetch"}
		for n := range 100 * seconds {
			f.meet(parts[n%len(parts)], fmt.Errorf("failure %d", n))
			time.Sleep(10 * time.Millisecond)
		}
		if n := len(out.lines()); n > seconds+1 || n < seconds-1 {
			t.Errorf("%d lines in %d s", n, seconds)
		}
		for _, part := range parts {
			f.meet(part, nil)
		}
		if n := strings.Count(out.String(), "the database is back"); n != 1 {
			t.Errorf("its end was told %d times:\n%s", n, out)
		}
	})
}

// A database that comes and goes many times a second is told of once a second too.
func TestAFlappingDatabaseFillsNoLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, out := newFaults()
		const seconds = 10
		for range 50 * seconds {
			f.meet("look", errors.New("connection refused"))
			time.Sleep(10 * time.Millisecond)
			f.meet("look", nil)
			time.Sleep(10 * time.Millisecond)
		}
		if n := len(out.lines()); n > 2*seconds+2 {
			t.Errorf("%d lines in %d s", n, seconds)
		}
	})
}

type mendable struct{ error }

func (mendable) Remedy() string { return "orderbell adopt" }

func TestARemedyIsTold(t *testing.T) {
	t.Parallel()
	f, out := newFaults()
	f.meet("look", fmt.Errorf("look: %w", mendable{errors.New("a copy")}))
	if !strings.Contains(out.String(), `remedy="orderbell adopt"`) {
		t.Errorf("it said %s", out)
	}
}
