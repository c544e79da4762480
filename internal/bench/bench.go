package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"time"
)

// gcPercent is the bench's own: the yardsticks run in this process, and should not
// look slow because of a small heap that is collected all the time.
const gcPercent = 400

// ErrInterrupted says that the context ended before the measures did.
var ErrInterrupted = errors.New("the bench was interrupted")

// Run takes the measures. When ctx ends it stops, gives everything back, and
// returns what was found by then, with Completed unset and ErrInterrupted.
func Run(ctx context.Context, o Options) (report Report, err error) {
	if err := o.Check(); err != nil {
		return Report{}, err
	}
	if o.Err == nil {
		o.Err = io.Discard
	}
	defer debug.SetGCPercent(debug.SetGCPercent(gcPercent))
	report = Report{Version: o.Version, Began: time.Now(), Quick: o.Quick}
	r, err := setUp(ctx, o)
	if err != nil {
		return Report{}, interrupted(ctx, err)
	}
	defer func() { err = errors.Join(interrupted(ctx, err), r.close(ctx)) }()
	if report.Machine, err = r.machine(ctx); err != nil {
		return Report{}, err
	}
	for _, m := range o.chosen() {
		b := newBook(m, report.Began, o.Err)
		r.say = b.say
		err := m.take(ctx, r, b)
		report.Figures = append(report.Figures, b.report(m.lines(), o.Quick)...)
		report.Seconds = time.Since(report.Began).Seconds()
		if err != nil {
			return report, fmt.Errorf("measure %s: %w", m.name(), err)
		}
	}
	report.Completed = true
	return report, nil
}

// interrupted puts the reason before what followed from it.
func interrupted(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ErrInterrupted
	}
	return err
}

func (r *rig) machine(ctx context.Context) (Machine, error) {
	version, err := ask[string](ctx, r.db, "ask for the server's version", "show server_version")
	return Machine{
		OS: runtime.GOOS, Arch: runtime.GOARCH, CPUs: runtime.NumCPU(), Go: runtime.Version(),
		Postgres: version, OwnDatabase: r.place.server != nil,
	}, err
}
