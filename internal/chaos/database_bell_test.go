package chaos_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/chaos"
	"github.com/orderbell/orderbell/internal/pgtest"
)

// The bell's connections are dead without a word while the worker sleeps: its other
// ones are not, and an order is delivered as soon as TCP has noticed. That takes no
// statement.
func TestBellIsHalfOpen(t *testing.T) {
	t.Parallel()
	d := trading(t, chaos.Options{OwnCluster: true, Settings: map[string]string{
		"log_statement": "all", "log_line_prefix": "%m [%p] %a: ",
	}})
	p := d.proxied()
	url := d.WorkURL
	d.WorkURL = d.URL
	d.employed(d.Work("w1", "ORDERBELL_DATABASE_LISTEN_URL="+url))
	d.asleep()
	d.quiet()
	before := d.statements()
	p.HalfOpen()
	n := len(d.Requests())
	d.Enqueue("m-prompt")
	committed := time.Now()
	noticed := d.after(before) // the first statement that the worker makes
	arrived(t, d.House, n+1)
	t.Logf("an order committed after the bell's connections died is delivered after %s; the first statement since is %s",
		round(d.Requests()[n].Arrived.Sub(committed)), noticed)
	// What it does then is to look. The pool makes sure of its connection before it.
	if !strings.Contains(noticed, "orderbell:look") && !strings.Contains(noticed, "-- ping") {
		t.Errorf("the worker noticed by a statement: %s", noticed)
	}
	d.asleep()
	d.delivered("with a new bell")
	d.ends()
}

// statements are those of w1 so far, as the server has them in its log.
func (d *trade) statements() []string {
	d.t.Helper()
	text, err := os.ReadFile(filepath.Join(d.Server.Dir(), "postgres.log"))
	if err != nil {
		d.t.Fatal(err)
	}
	var found []string
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, "] orderbell/w1: LOG:") {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}

// quiet waits until w1 has made no statement for a while: it sleeps, and has tidied up.
func (d *trade) quiet() {
	d.t.Helper()
	const a = 3 * time.Second // longer than the pause before a full look
	n, since := len(d.statements()), time.Now()
	pgtest.Eventually(d.t, time.Minute, "w1 to be quiet", func() error {
		if now := len(d.statements()); now != n {
			n, since = now, time.Now()
		}
		if time.Since(since) < a {
			return errors.New("it makes statements")
		}
		return nil
	})
}

// after waits for the first statement of w1 after those.
func (d *trade) after(before []string) (next string) {
	d.t.Helper()
	pgtest.Eventually(d.t, time.Minute, "w1 to make a statement", func() error {
		now := d.statements()
		if len(now) == len(before) {
			return errors.New("it has not")
		}
		next = now[len(before)]
		return nil
	})
	return next
}
