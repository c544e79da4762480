package janitor

import (
	"testing"
	"time"
)

// The last tick is the one that is found by going through all of them.
func TestLatest(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 12, 34, 56, 789, time.UTC)
	for _, text := range []string{
		"* * * * * *", "* * * * *", "30 3 * * *", "0 0 1 1 *", "* 3 * * *", "*/7 * * JAN-MAR MON", "0 0 29 2 *", "@every 7s", "@every 25h",
		"56 34 12 20 11 *", "57 34 12 20 11 *", "CRON_TZ=Europe/Berlin 30 2 * * *", "CRON_TZ=America/Sao_Paulo */20 0 * * *",
	} {
		s, err := ParseSchedule(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, away := range []time.Duration{0, time.Nanosecond, time.Second, 90 * time.Second, 26 * time.Hour, 33 * 24 * time.Hour, 400 * 24 * time.Hour} {
			after := now.Add(-away)
			if away > 48*time.Hour && s.Next(after).Sub(after) < time.Minute {
				after = s.Next(now.Add(-48 * time.Hour)) // a shorter way for the other side
			}
			var want time.Time
			for next := s.Next(after); !next.IsZero() && !next.After(now); next = s.Next(next) {
				want = next
			}
			got, ok := s.latest(after, now)
			if ok == want.IsZero() || !got.Equal(want) {
				t.Errorf("%s after %s: %s, %v, want %s", text, after, got, ok, want)
			}
		}
	}
}

// However long nobody ran, and however often a scan would have, it is found at once.
func TestLatestLooksAFewTimes(t *testing.T) {
	t.Parallel()
	s, err := ParseSchedule("* * * * 1 *")
	if err != nil {
		t.Fatal(err)
	}
	counted := &counting{Schedule: s}
	now := time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC)
	tick, ok := Schedule{counted}.latest(now.AddDate(-20, 0, 0), now)
	if want := time.Date(2026, 1, 31, 23, 59, 59, 0, time.UTC); !ok || !tick.Equal(want) || counted.n > 100 {
		t.Errorf("got %s, %v after %d looks, want %s", tick, ok, counted.n, want)
	}
}

type counting struct {
	Schedule
	n int
}

func (c *counting) Next(after time.Time) time.Time {
	c.n++
	return c.Schedule.Next(after)
}
