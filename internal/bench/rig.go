package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/orderbell/orderbell/internal/bench/merchant"
)

// rig is what the measures share: a server with a database, the merchant, and the
// HTTP client of the yardsticks.
type rig struct {
	options  Options
	place    *place
	db       *database
	more     []*database
	merchant *merchant.Process
	client   *http.Transport
	// say tells what is done now; the measure that is being taken sets it.
	say func(format string, args ...any)
}

func setUp(ctx context.Context, o Options) (_ *rig, err error) {
	r := &rig{options: o, client: newClient()}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close(ctx))
		}
	}()
	log := slog.New(slog.NewTextHandler(o.Err, nil))
	if r.place, err = openPlace(ctx, o, log); err != nil {
		return nil, err
	}
	if r.db, err = r.newDatabase(ctx); err != nil {
		return nil, err
	}
	r.merchant, err = merchant.Start(ctx, append(append([]string{}, o.Program...), "bench", "merchant"))
	return r, err
}

// another makes one more database on the same server.
func (r *rig) another(ctx context.Context) (*database, error) {
	d, err := r.newDatabase(ctx)
	if err == nil {
		r.more = append(r.more, d)
	}
	return d, err
}

// newDatabase makes a database, and says on a given server what it is called: if
// this process is killed, it stays there.
func (r *rig) newDatabase(ctx context.Context) (*database, error) {
	name, url, err := r.place.create(ctx)
	if err != nil {
		return nil, err
	}
	if r.place.server == nil {
		_, _ = fmt.Fprintf(r.options.Err, "works in the new database %s, and drops it at the end\n", name)
	}
	return openBenchDatabase(ctx, name, url)
}

// drop gives back what another has made, before the end.
func (r *rig) drop(ctx context.Context, d *database) error {
	d.pool.Close()
	return r.place.drop(ctx, d.name)
}

// close gives everything back, as far as it was set up.
func (r *rig) close(ctx context.Context) (err error) {
	r.client.CloseIdleConnections()
	if r.merchant != nil {
		err = r.merchant.Stop()
	}
	if r.db != nil {
		r.db.pool.Close()
	}
	for _, d := range r.more {
		d.pool.Close()
	}
	if r.place != nil {
		err = errors.Join(err, r.place.close(ctx))
	}
	return err
}

// answering is a URL that answers after delay.
func (r *rig) answering(delay time.Duration) string {
	return fmt.Sprintf("%s/d/%s", r.merchant.URL, delay)
}

// noted is a URL whose requests are noted.
func (r *rig) noted() string { return r.notedAfter(0) }

// notedAfter is one that answers after delay.
func (r *rig) notedAfter(delay time.Duration) string {
	return fmt.Sprintf("%s/r/%s", r.merchant.URL, delay)
}

// silent is a URL that never answers.
func (r *rig) silent() string { return r.merchant.URL + "/h" }

// pause waits, or says that the run was ended.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
