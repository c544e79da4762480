package app

import (
	"io"
	stdlog "log"
	"log/slog"
	"os"
	"time"

	"github.com/lmittmann/tint"
	"golang.org/x/term"

	"github.com/orderbell/orderbell/internal/config"
)

// NewLog makes the log: lines for people on a terminal, JSON elsewhere, unless the
// configuration asks for one of them. It also takes over the standard library's
// own log, at debug: an endpoint can make the HTTP transport write there as often
// as it likes.
func NewLog(to io.Writer, wanted config.Log) *slog.Logger {
	handler := newHandler(to, wanted)
	stdlog.SetFlags(0)
	stdlog.SetOutput(slog.NewLogLogger(handler, slog.LevelDebug).Writer())
	return slog.New(handler)
}

func newHandler(to io.Writer, wanted config.Log) slog.Handler {
	if wanted.Format == config.FormatText || (wanted.Format == config.FormatAuto && isTerminal(to)) {
		return tint.NewTextHandler(to, &tint.Options{
			Level: wanted.Level, TimeFormat: time.TimeOnly + ".000", NoColor: !isTerminal(to),
		})
	}
	return slog.NewJSONHandler(to, &slog.HandlerOptions{Level: wanted.Level})
}

func isTerminal(to io.Writer) bool {
	file, ok := to.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
