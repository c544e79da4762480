package janitor_test

import (
	"strings"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/janitor"
)

func at(t testing.TB, text string) time.Time {
	t.Helper()
	instant, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return instant
}

func TestSchedules(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ schedule, after, next string }{
		{"30 3 * * *", "2026-11-20T03:30:00Z", "2026-11-21T03:30:00Z"},
		{"30 3 * * *", "2026-11-20T03:29:59.9Z", "2026-11-20T03:30:00Z"},
		{"15 30 3 * * *", "2026-11-20T03:30:00Z", "2026-11-20T03:30:15Z"},
		{"* * * * * *", "2026-11-20T03:30:00.2Z", "2026-11-20T03:30:01Z"},
		{"@daily", "2026-11-20T03:30:00+08:00", "2026-11-20T00:00:00Z"},
		{"CRON_TZ=Asia/Shanghai @daily", "2026-11-20T00:00:00Z", "2026-11-20T16:00:00Z"},
		{"TZ=Asia/Shanghai 30 3 * * *", "2026-11-20T00:00:00Z", "2026-11-20T19:30:00Z"},
		{"CRON_TZ=Europe/Berlin 30 2 * * *", "2026-03-28T12:00:00Z", "2026-03-30T00:30:00Z"}, // no 2:30 on the 29th
		{"CRON_TZ=Europe/Berlin 30 2 * * *", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"},
		{"0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"},
		{"0 0 * * MON", "2026-11-20T00:00:00Z", "2026-11-23T00:00:00Z"},
		// Whenever somebody begins to count.
		{"@every 90s", "2026-11-20T00:00:01.5Z", "2026-11-20T00:01:30Z"},
		{"@every 90s", "2026-11-20T00:01:29Z", "2026-11-20T00:01:30Z"},
		{"CRON_TZ=Asia/Shanghai @every 1h", "2026-11-20T00:01:29Z", "2026-11-20T01:00:00Z"},
	} {
		s, err := janitor.ParseSchedule(test.schedule)
		if err != nil {
			t.Errorf("%s: %v", test.schedule, err)
			continue
		}
		if got := s.Next(at(t, test.after)); !got.Equal(at(t, test.next)) {
			t.Errorf("%s, after %s: %s, want %s", test.schedule, test.after, got.Format(time.RFC3339Nano), test.next)
		}
	}
}

func TestSchedulesThatAreNone(t *testing.T) {
	t.Parallel()
	for schedule, says := range map[string]string{
		"":                             "is no schedule",
		"soon":                         "is no schedule (expected 5 to 6 fields, found 1: [soon])",
		"60 * * * *":                   "is no schedule",
		"* * * * * * *":                "is no schedule",
		"*/0 * * * *":                  "is no schedule",
		"@fortnightly":                 "is no schedule",
		"@every":                       "is no schedule",
		"@every often":                 "is no schedule",
		"@every -5m":                   "has no whole number of seconds",
		"@every 0s":                    "has no whole number of seconds",
		"@every 1500ms":                "has no whole number of seconds",
		"CRON_TZ=UTC":                  "names a time zone and no times",
		"TZ=":                          "names a time zone and no times",
		"CRON_TZ= 30 3 * * *":          "names no time zone",
		"CRON_TZ=Local 30 3 * * *":     "names no time zone",
		"CRON_TZ=Mars/North 3 3 * * *": "is no schedule (provided bad location",
		"0 0 30 2 *":                   "never comes",
	} {
		if _, err := janitor.ParseSchedule(schedule); err == nil || !strings.HasPrefix(err.Error(), says) {
			t.Errorf("%q: %v, want %q", schedule, err, says)
		}
	}
}

// No text makes the parser panic or hang, and ticks go forward.
func FuzzParseSchedule(f *testing.F) {
	for _, seed := range []string{"30 3 * * *", "CRON_TZ=UTC", "TZ=\t@every 1s", "@every 1s", "*/5 1-3,7 ? JAN-MAR SUN/2", "CRON_TZ=Asia/Shanghai 0 0 29 2 *"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := janitor.ParseSchedule(text)
		if err != nil {
			return
		}
		from := time.Date(2026, 11, 20, 3, 29, 59, 5, time.UTC)
		for range 3 {
			next := s.Next(from)
			if next.IsZero() {
				return
			}
			if !next.After(from) || next.Nanosecond() != 0 {
				t.Fatalf("%q: after %s comes %s", text, from, next)
			}
			from = next
		}
	})
}
