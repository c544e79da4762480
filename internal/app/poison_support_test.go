package app_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/app"
	"github.com/orderbell/orderbell/internal/merchanttest"
	"github.com/orderbell/orderbell/internal/pgtest"
)

// poison is a row that something is wrong with. In its texts ID and ENDPOINT stand for
// the row's own.
type poison struct {
	name string
	args string // of enqueue, after the body
	edit string // SQL, in the transaction that enqueues it: no worker sees it unedited
	id   string // where the edit changes it

	state    string // where it is when everything has come to rest
	says     string // its reason or explanation has this
	attempts int    // that are recorded of it, neither more nor fewer

	mend  string // SQL after which it is acknowledged
	alone bool   // its endpoint can have no healthy rows
}

// ward is a shop with poisoned rows, each on an endpoint of its own, and healthy rows
// beside them.
type ward struct {
	*shop
	merchant *merchanttest.Merchant
	healthy  []string
	lines    lines
}

// lines counts what a worker logs.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Split(strings.TrimSpace(l.text.String()), "\n")
}

func newWard(t *testing.T) *ward {
	t.Helper()
	w := &ward{shop: newShop(t), merchant: merchanttest.New(t)}
	for _, id := range []string{"well-1", "well-2"} {
		w.endpoint(id, w.merchant.URL, "standard")
	}
	return w
}

// start runs a worker until the test ends, and counts its lines.
func (w *ward) start() {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	done := make(chan error, 1)
	log := slog.New(slog.NewTextHandler(&w.lines, nil))
	go func() { done <- app.Work(ctx, nil, w.config("w1"), "test", log) }()
	w.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("the worker ended with: %v", err)
		}
		if w.t.Failed() {
			all := w.lines.all()
			w.t.Logf("of %d lines of the log:\n%s", len(all), strings.Join(all[:min(len(all), 50)], "\n"))
		}
	})
}

func (w *ward) add(endpoint string) {
	w.t.Helper()
	w.healthy = append(w.healthy, w.enqueue(endpoint, "healthy", "{}"))
}

// admit enqueues a poisoned row, with healthy ones before and after it.
func (w *ward) admit(p *poison, n int) {
	w.t.Helper()
	endpoint := fmt.Sprintf("sick-%d", n)
	w.endpoint(endpoint, w.merchant.URL, "standard")
	if !p.alone {
		w.add(endpoint)
	}
	tx, err := w.db.Begin(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	var id string
	if err := tx.QueryRow(w.t.Context(), "select orderbell.enqueue($1, 'e', 'poison', '{}'"+p.args+")", endpoint).Scan(&id); err != nil {
		w.t.Fatalf("%s: %v", p.name, err)
	}
	if p.id == "" {
		p.id = id
	}
	texts := strings.NewReplacer("ENDPOINT", endpoint, "ID", id)
	p.mend = texts.Replace(p.mend)
	if _, err := tx.Exec(w.t.Context(), texts.Replace(p.edit)); err != nil {
		w.t.Fatalf("%s: %v", p.name, err)
	}
	if err := tx.Commit(w.t.Context()); err != nil {
		w.t.Fatalf("%s: %v", p.name, err)
	}
	if !p.alone {
		w.add(endpoint)
	}
}

// wellAll waits until every healthy row is acknowledged.
func (w *ward) wellAll() {
	w.t.Helper()
	pgtest.Eventually(w.t, 30*time.Second, "the healthy rows are acknowledged", func() error {
		n := w.count("select count(*) from orderbell.finished where state = 'acknowledged' and notification_id = any ($1::uuid[])", w.healthy)
		if n != len(w.healthy) {
			return fmt.Errorf("%d of %d are", n, len(w.healthy))
		}
		return nil
	})
}

// stands is where a row is, and why; its notification may be gone.
func (w *ward) stands(id string) (state, why string, attempts int) {
	w.t.Helper()
	w.get(`select coalesce(d.state, f.state)::text, coalesce(s.explanation, f.reason, ''),
			(select count(*) from orderbell.attempt where notification_id = $1)
		from (select $1::uuid as id) given
		left join orderbell.delivery d on d.notification_id = id
		left join orderbell.finished f on f.notification_id = id
		left join orderbell.notification_status s on s.id = given.id
		order by f.round desc limit 1`, []any{id}, &state, &why, &attempts)
	return state, why, attempts
}

// as complains where a row is not as it should be.
func (p *poison) as(w *ward) error {
	state, why, attempts := w.stands(p.id)
	if state != p.state || !strings.Contains(why, p.says) || attempts != p.attempts {
		return fmt.Errorf("it is %s after %d attempts: %s; want %s after %d: %s", state, attempts, why, p.state, p.attempts, p.says)
	}
	return nil
}

// watch sees the poisoned rows come to rest while the healthy ones are acknowledged,
// and stay there while traffic goes on for two full looks: a row that spins makes
// attempts, or lines.
func (w *ward) watch(rows []poison) {
	w.t.Helper()
	w.start()
	w.wellAll()
	for i := range rows {
		pgtest.Eventually(w.t, 20*time.Second, rows[i].name, func() error { return rows[i].as(w) })
	}
	said := len(w.lines.all())
	var until time.Time
	w.get("select clock_timestamp() + interval '6 s'", nil, &until)
	for n := 0; w.count("select (clock_timestamp() < $1)::int", until) == 1; n++ {
		w.add(fmt.Sprintf("well-%d", 1+n%2))
		w.add(fmt.Sprintf("sick-%d", slices.IndexFunc(rows, func(p poison) bool { return !p.alone })))
		w.wellAll()
	}
	for i := range rows {
		if err := rows[i].as(w); err != nil {
			w.t.Errorf("%s: %v", rows[i].name, err)
		}
	}
	// One line when an endpoint begins to fail, one or two when a row ends badly.
	if most := 10 + 3*len(rows); said > most || len(w.lines.all()) > said+5 {
		w.t.Errorf("%d lines of %d rows, and %d more while nothing happened to them", said, len(rows), len(w.lines.all())-said)
	}
	w.mend(rows)
}

// mend removes what is wrong, and sees the rows acknowledged.
func (w *ward) mend(rows []poison) {
	w.t.Helper()
	for _, p := range rows {
		if p.mend != "" {
			w.exec(p.mend)
		}
	}
	for _, p := range rows {
		if p.mend != "" {
			if state, why := w.ended(p.id); state != "acknowledged" {
				w.t.Errorf("%s: after the mend it is %s: %s", p.name, state, why)
			}
		}
	}
	if n := len(w.merchant.Overlaps()); n != 0 {
		w.t.Errorf("%d rows were sent twice at once", n)
	}
}
