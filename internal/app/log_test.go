package app_test

import (
	"bytes"
	"encoding/json"
	stdlog "log"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/orderbell/orderbell/internal/app"
	"github.com/orderbell/orderbell/internal/config"
)

// Away from a terminal the log is JSON, one object a line; what the standard
// library logs by itself is there at debug alone.
func TestLog(t *testing.T) {
	t.Cleanup(func() { stdlog.SetOutput(os.Stderr); stdlog.SetFlags(stdlog.LstdFlags) })
	for name, test := range map[string]struct {
		log   config.Log
		lines int
		json  bool
	}{
		"auto":  {config.Log{Format: config.FormatAuto}, 1, true},
		"json":  {config.Log{Format: config.FormatJSON}, 1, true},
		"text":  {config.Log{Format: config.FormatText}, 1, false},
		"debug": {config.Log{Format: config.FormatJSON, Level: slog.LevelDebug}, 2, true},
		"error": {config.Log{Format: config.FormatJSON, Level: slog.LevelError}, 0, true},
	} {
		var out bytes.Buffer
		app.NewLog(&out, test.log).Info("worker starts", "worker", "w1")
		stdlog.Print("Unsolicited response received on idle HTTP channel")
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if out.Len() == 0 {
			lines = nil
		}
		if len(lines) != test.lines {
			t.Errorf("%s: %d lines, wanted %d:\n%s", name, len(lines), test.lines, out.String())
		}
		for _, line := range lines {
			if json.Valid([]byte(line)) != test.json {
				t.Errorf("%s: %s", name, line)
			}
		}
	}
}
