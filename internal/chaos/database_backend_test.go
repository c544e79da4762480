package chaos_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/chaos"
	"github.com/orderbell/orderbell/internal/pgtest"
)

// backends are a worker's connections, by what they last did.
var backends = []struct {
	name       string
	statements []string
}{
	{"claims", []string{"/* orderbell:claim */%"}},
	{"settles", []string{"/* orderbell:settle */%"}},
	{"reads", []string{"/* orderbell:look */%", "/* orderbell:full_look */%"}},
	{"the listening session", []string{"/* orderbell:listen */%", "/* orderbell:heartbeat */%"}},
	{"the session with the lock", []string{"/* orderbell:sleep */%", "/* orderbell:wake */%"}},
	{"everything", []string{"%"}},
}

// An administrator terminates connections, each kind and all at once, in the midst of
// traffic.
func TestBackendsAreTerminated(t *testing.T) {
	t.Parallel()
	d := trading(t, chaos.Options{})
	d.employ("w1")
	d.open()
	for _, b := range backends {
		d.terminate(b.statements...)
		d.resumes("without "+b.name, time.Now())
	}
	d.ends()
}

// The same while the worker sleeps. It looks every second until it can hear again.
func TestBackendsAreTerminatedInTheNight(t *testing.T) {
	t.Parallel()
	d := trading(t, chaos.Options{})
	d.employ("w1")
	for _, b := range backends[3:] {
		d.asleep()
		d.terminate(b.statements...)
		d.delivered("without " + b.name)
	}
	d.ends()
}

// terminate ends backends of w1, at least one of them.
func (d *trade) terminate(statements ...string) {
	d.t.Helper()
	pgtest.Eventually(d.t, time.Minute, fmt.Sprintf("a backend that did %s", statements), func() error {
		// Materialized: else the function may be called before the database is compared.
		if d.Text(`with own as materialized (
				select pid from pg_stat_activity
				where datname = current_database() and application_name = 'orderbell/w1' and query like any ($1::text[]))
			select count(*) from own where pg_terminate_backend(pid)`, statements) == "0" {
			return errors.New("there is none")
		}
		return nil
	})
}
