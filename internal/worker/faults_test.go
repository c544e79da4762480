package worker

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

func TestRepeatingFailureIsLoggedOnce(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	f := &faults{log: slog.New(slog.NewTextHandler(&out, nil))}
	down, full := errors.New("connection refused"), errors.New("disk full")
	for range 100 {
		f.meet("look", down)
		f.meet("settle", down)
	}
	f.meet("settle", full)
	f.meet("look", nil)
	f.meet("settle", nil)
	f.meet("settle", nil)
	said := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(said) != 4 || !strings.Contains(said[3], "the database is back") {
		t.Errorf("%d lines, wanted two failures, a change and the end:\n%s", len(said), out.String())
	}
}
