package postgres

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A worker that was busy looks again a few times before anybody must ring; one
// that finds something meanwhile begins anew.
func TestSlumberSettlesAfterSomeLooks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSlumber()
		began, looks := time.Now(), 0
		time.AfterFunc(time.Minute, s.begin)
		err := s.settled(t.Context(), func() {
			if looks++; looks == hesitation-1 {
				s.end() // it has found something
				time.AfterFunc(10*time.Millisecond, s.begin)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if want := hesitation - 1 + hesitation; looks != want {
			t.Errorf("it made %d looks, want %d", looks, want)
		}
		want := time.Minute + (hesitation-1)*glance + 10*time.Millisecond + hesitation*glance
		if took := time.Since(began); took != want {
			t.Errorf("it took %s, want %s", took, want)
		}
	})
}

func TestSlumberStops(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := newSlumber()
		time.AfterFunc(time.Second, cancel)
		if err := s.settled(ctx, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("settled: %v", err)
		}
		s.begin()
		if err := s.over(ctx, nil); err != nil {
			t.Errorf("over: %v", err)
		}
	})
}

// Short works, however many, leave the sleeper its lock; a long one does not.
func TestSlumberOutlastsShortWorks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSlumber()
		s.begin()
		began := time.Now()
		go func() {
			for range 1000 {
				time.Sleep(time.Millisecond)
				s.end()
				time.Sleep(linger - 1)
				s.begin()
			}
			time.Sleep(time.Second)
			s.end()
		}()
		if err := s.over(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if took, want := time.Since(began), 1000*(time.Millisecond+linger-1)+time.Second+linger; took != want {
			t.Errorf("it took %s, want %s", took, want)
		}
	})
}

func TestSlumberEndsWithItsLock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSlumber()
		s.begin()
		lost, why := make(chan error, 1), errors.New("the connection is gone")
		time.AfterFunc(time.Hour, func() { lost <- why })
		if err := s.over(t.Context(), lost); !errors.Is(err, why) {
			t.Errorf("over: %v", err)
		}
	})
}
