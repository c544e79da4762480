package chaos_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/chaos"
	"github.com/orderbell/orderbell/internal/pgtest"
)

// A release is rolled out worker by worker: the program before the last change of
// the schema and this one work side by side. The former one must have been started
// before the schema is migrated, as in a deploy: some refuse to start on a newer one.
func TestRollingDeploy(t *testing.T) {
	t.Parallel()
	former := formerProgram(t)
	t.Run("under load", func(t *testing.T) {
		t.Parallel()
		rollOut(t, former)
	})
	t.Run("the former one is killed", func(t *testing.T) {
		t.Parallel()
		h, before, after := sideBySide(t, former)
		takeOver(t, h, before, after)
	})
	t.Run("the new one is killed", func(t *testing.T) {
		t.Parallel()
		h, before, after := sideBySide(t, former)
		takeOver(t, h, after, before)
	})
}

// rollOut goes through a whole deploy while a shop sells. Not one order may fail,
// and nothing may be sent twice: the checker is told of no fault.
func rollOut(t *testing.T, former string) {
	t.Helper()
	h := formerHouse(t, former)
	begun := h.Text("select orderbell.schema_version()")
	before := start(h, "before", former)
	shop := h.Shop(chaos.ShopOptions{PerSecond: 100})
	goesOn(h, before)
	migrateUp(t, chaos.Binary(t), h.URL)
	if oldest := h.Text("select orderbell.oldest_program()"); begun != oldest {
		t.Errorf("the former program made schema version %s; the oldest that still works is said to be %s", begun, oldest)
	}
	goesOn(h, before)
	after := start(h, "after", chaos.Binary(t))
	goesOn(h, before, after)
	if status := before.Stop(); status != 0 {
		t.Errorf("the former worker ended with status %d", status)
	}
	goesOn(h, after)
	shop.Close()
	h.AtRest()
	h.Check()
}

// formerHouse has the schema that the former program makes. Two workers of four slots
// each are needed for what a shop sells there at 100 orders a second.
func formerHouse(t *testing.T, former string) *chaos.House {
	t.Helper()
	url := pgtest.Empty(t)
	migrateUp(t, former, url)
	return chaos.New(t, chaos.Options{URL: url, Migrated: true, Endpoints: []chaos.Endpoint{
		{Name: "m-1", Temper: chaos.Slow(50 * time.Millisecond)},
		{Name: "m-2", Temper: chaos.Slow(50 * time.Millisecond)},
		{Name: "m-stumbling", Temper: chaos.Stumbling(1)},
	}})
}

func start(h *chaos.House, name, program string) *chaos.Worker {
	w := h.WorkWith(chaos.WorkerOptions{Name: name, Binary: program, Concurrency: 4})
	w.Says("worker starts")
	return w
}

// sideBySide is a house with a worker of the former program and one of this.
func sideBySide(t *testing.T, former string) (h *chaos.House, before, after *chaos.Worker) {
	t.Helper()
	h = formerHouse(t, former)
	before = start(h, "before", former)
	migrateUp(t, chaos.Binary(t), h.URL)
	return h, before, start(h, "after", chaos.Binary(t))
}

// goesOn waits until each of the workers has settled more acknowledgements than it has now.
func goesOn(h *chaos.House, workers ...*chaos.Worker) {
	const settled = `select count(*) from orderbell.attempt
		where outcome = 'acknowledged' and worker ~ ('^' || $1 || '([^A-Za-z0-9]|$)')`
	for _, w := range workers {
		h.Becomes("true", "select n > $2::bigint from ("+settled+") s (n)", w.Name, h.Text(settled, w.Name))
	}
}

// takeOver kills a worker of one program in the midst of its requests: the worker of
// the other program records what became of them, and sends them again.
func takeOver(t *testing.T, h *chaos.House, killed, remaining *chaos.Worker) {
	t.Helper()
	const requests = 4
	answer := make(chan struct{})
	h.Open("m-1", chaos.Hanging(answer))
	remaining.Freeze() // so that all of them are the other one's
	for range requests {
		h.Enqueue("m-1")
	}
	arrive(t, h, requests)
	remaining.Thaw()
	h.Kill(killed)
	h.ExpireLeases(killed)
	arrive(t, h, 2*requests)
	close(answer)
	h.AtRest()
	h.Check()
	if got := h.Outcomes(); got != "4 acknowledged, 4 unknown" {
		t.Errorf("the attempts were: %s; 4 were in flight with the killed worker", got)
	}
}

// arrive waits until the merchants have received so many requests.
func arrive(t *testing.T, h *chaos.House, n int) {
	t.Helper()
	pgtest.Eventually(t, time.Minute, "requests", func() error {
		if got := len(h.Requests()); got < n {
			return fmt.Errorf("%d of %d have arrived", got, n)
		}
		return nil
	})
}
