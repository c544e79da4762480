package delivery

import (
	"net/http"
	"strconv"
	"testing"
	"time"
)

func TestRetryAfterByStatus(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	at := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	const noon = "Fri, 20 Nov 2026 12:00:00 GMT"
	for _, c := range []struct {
		name, value, date string
		want              time.Duration
	}{
		{name: "absent"},
		{name: "seconds", value: "120", want: 2 * time.Minute},
		{name: "seconds, whatever the date", value: "120", date: noon, want: 2 * time.Minute},
		{name: "spaces", value: " \t7 ", want: 7 * time.Second},
		{name: "zeroes before", value: "007", want: 7 * time.Second},
		{name: "none", value: "0"},
		{name: "a year", value: "31536000", want: 365 * day},
		{name: "a second more", value: "31536001", want: 365 * day},
		{name: "ten years", value: "315360000", want: 365 * day},
		{name: "more than 64 bits", value: "99999999999999999999999999", want: 365 * day},
		{name: "more than a Duration", value: "9223372036854775807", want: 365 * day},
		{name: "a date", value: noon, date: "Fri, 20 Nov 2026 11:59:00 GMT", want: time.Minute},
		{name: "a date over there in 2001", value: "Mon, 01 Jan 2001 00:01:00 GMT", date: "Mon, 01 Jan 2001 00:00:00 GMT", want: time.Minute},
		{name: "a date without Date", value: noon, want: 2 * time.Hour},
		{name: "a date with a bad Date", value: noon, date: "yesterday", want: 2 * time.Hour},
		{name: "RFC 850", value: "Friday, 20-Nov-26 12:00:00 GMT", want: 2 * time.Hour},
		{name: "asctime", value: "Fri Nov 20 12:00:00 2026", want: 2 * time.Hour},
		{name: "now", value: noon, date: noon},
		{name: "past", value: noon, date: "Fri, 20 Nov 2026 12:00:01 GMT"},
		{name: "long past", value: "Thu, 01 Jan 1970 00:00:00 GMT"},
		{name: "a date ten years on", value: "Thu, 20 Nov 2036 12:00:00 GMT", want: 365 * day},
		{name: "the last year", value: "Fri, 31 Dec 9999 23:59:59 GMT", date: "Sat, 01 Jan 0000 00:00:00 GMT", want: 365 * day},
		{name: "the first", value: "Sat, 01 Jan 0000 00:00:00 GMT", date: "Fri, 31 Dec 9999 23:59:59 GMT"},
		{name: "negative", value: "-5"},
		{name: "a sign", value: "+5"},
		{name: "a fraction", value: "1.5"},
		{name: "an exponent", value: "1e3"},
		{name: "a list", value: "5, 6"},
		{name: "a unit", value: "5s"},
		{name: "hexadecimal", value: "0x10"},
		{name: "other digits", value: "٥"},
		{name: "no date", value: "tomorrow"},
		{name: "ISO 8601", value: "2026-11-20T12:00:00Z"},
		{name: "a day that is none", value: "Fri, 31 Feb 2026 12:00:00 GMT"},
	} {
		for _, status := range []int{429, 503, 200, 202, 301, 404, 500, 502, 504} {
			want := c.want
			if status != 429 && status != 503 {
				want = 0
			}
			a := answer{status: status, at: at, header: http.Header{}}
			for name, value := range map[string]string{"Retry-After": c.value, "Date": c.date} {
				if value != "" {
					a.header.Set(name, value)
				}
			}
			if got := a.retryAfter(); got != want {
				t.Errorf("%s, status %d: got %v, want %v", c.name, status, got, want)
			}
		}
	}
}

func TestFirstRetryAfterCounts(t *testing.T) {
	t.Parallel()
	a := answer{status: 503, header: http.Header{"Retry-After": {"3", "9"}}}
	if got := a.retryAfter(); got != 3*time.Second {
		t.Errorf("got %v", got)
	}
}

func FuzzRetryAfterByStatus(f *testing.F) {
	f.Add(503, "120", "")
	f.Add(429, "Fri, 20 Nov 2026 12:00:00 GMT", "Fri, 20 Nov 2026 11:00:00 GMT")
	f.Add(503, "99999999999999999999", "x")
	f.Add(200, "-1", "")
	f.Fuzz(func(t *testing.T, status int, value, date string) {
		a := answer{status: status, at: time.Unix(1e9, 0), header: http.Header{"Retry-After": {value}, "Date": {date}}}
		got := a.retryAfter()
		if got < 0 || got > maxRetryAfter {
			t.Errorf("%q gives %v", value, got)
		}
		if got != 0 && status != 429 && status != 503 {
			t.Errorf("status %d gives %v", status, got)
		}
		seconds, err := strconv.ParseUint(value, 10, 24)
		if err == nil && (status == 429 || status == 503) && got != time.Duration(seconds)*time.Second {
			t.Errorf("%q gives %v", value, got)
		}
	})
}
