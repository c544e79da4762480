package pgtest

import (
	"testing"
	"time"
)

// Eventually calls check until it returns nil, with short pauses, and fails the
// test with its last error when that takes too long. what completes "waited for".
func Eventually(t testing.TB, within time.Duration, what string, check func() error) {
	t.Helper()
	deadline := time.Now().Add(within)
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		err := check()
		if err == nil {
			return
		}
		if time.Now().Add(pause).After(deadline) {
			t.Fatalf("waited %s for %s: %v", within, what, err)
		}
		time.Sleep(pause)
	}
}
