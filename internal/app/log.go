package app

import (
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/lmittmann/tint"
	"golang.org/x/term"

	"github.com/orderbell/orderbell/internal/config"
)

// NewLog makes the log: lines for people on a terminal, JSON elsewhere, unless the
// configuration asks for one of them.
func NewLog(to io.Writer, wanted config.Log) *slog.Logger {
	if wanted.Format == config.FormatText || (wanted.Format == config.FormatAuto && isTerminal(to)) {
		return slog.New(tint.NewTextHandler(to, &tint.Options{
			Level: wanted.Level, TimeFormat: time.TimeOnly + ".000", NoColor: !isTerminal(to),
		}))
	}
	return slog.New(slog.NewJSONHandler(to, &slog.HandlerOptions{Level: wanted.Level}))
}

func isTerminal(to io.Writer) bool {
	file, ok := to.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
