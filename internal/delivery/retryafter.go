package delivery

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxRetryAfter bounds what an endpoint can ask for, before the policy's own cap.
const maxRetryAfter = 365 * 24 * time.Hour

// retryAfter is the wait that a 429 or 503 asks for: seconds, or a date, which is
// compared with the answer's own Date, so that a wrong clock over there does no
// harm. Anything else, and what lies in the past, is 0.
func (a answer) retryAfter() time.Duration {
	if a.status != http.StatusTooManyRequests && a.status != http.StatusServiceUnavailable {
		return 0
	}
	value := strings.TrimSpace(a.header.Get("Retry-After"))
	if value != "" && strings.Trim(value, "0123456789") == "" {
		seconds, err := strconv.ParseInt(value, 10, 64)
		if err != nil || seconds > int64(maxRetryAfter/time.Second) {
			return maxRetryAfter
		}
		return time.Duration(seconds) * time.Second
	}
	until, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(a.header.Get("Date"))
	if err != nil {
		now = a.at
	}
	// Sub saturates, so no date is too far away.
	return min(max(until.Sub(now), 0), maxRetryAfter)
}
