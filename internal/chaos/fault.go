package chaos

import (
	"slices"
	"strconv"
	"time"
)

// ofWorker is SQL for the rows of a worker, whose name is $1: a process may add to
// its name what tells it from an earlier one.
const ofWorker = `claimed_by ~ ('^' || $1 || '([^A-Za-z0-9]|$)')`

// returning is how long a measure may take to come down.
const returning = 10 * time.Second

// Kill kills a worker. What it had in flight may be sent again. It returns how many
// rows that is.
func (h *House) Kill(w *Worker) int {
	h.t.Helper()
	began := time.Now()
	w.Kill()
	n := h.InFlight(w)
	h.Fault(Fault{Name: "kill " + w.Name, Worker: w.Name, From: began, To: time.Now(), Most: n})
	return n
}

// Freeze stops a worker from running. What it has in flight may be sent again by
// another one, once the leases have ended. It returns how many rows that is.
func (h *House) Freeze(w *Worker) int {
	h.t.Helper()
	began := time.Now()
	w.Freeze()
	n := h.InFlight(w)
	h.Fault(Fault{Name: "freeze " + w.Name, Worker: w.Name, From: began, To: time.Now(), Most: n})
	return n
}

// Fault lets the checker know of a fault.
func (h *House) Fault(f Fault) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.faults = append(h.faults, f)
}

// Excuse lets orders fail with these SQLSTATEs.
func (h *House) Excuse(codes ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.codes = append(h.codes, codes...)
}

// InFlight is how many rows a worker has claimed, as the database has it. Where the
// database cannot be asked the test fails.
func (h *House) InFlight(w *Worker) int {
	h.t.Helper()
	text, err := h.text("select count(*) from orderbell.delivery where state = 'in_flight' and "+ofWorker, w.Name)
	if err == nil {
		var n int
		if n, err = strconv.Atoi(text); err == nil {
			return n
		}
	}
	h.t.Errorf("count what %s has in flight: %v", w.name, err)
	return 0
}

// ExpireLeases ends the leases of a worker that is dead or frozen at once, by moving
// its rows, for scenarios that don't measure how long recovery takes.
func (h *House) ExpireLeases(w *Worker) {
	h.t.Helper()
	h.SQL("with moved as (update orderbell.delivery set leased_until = now() - interval '1 second' "+
		"where state = 'in_flight' and "+ofWorker+" returning 1) select orderbell.ring() from (select count(*) from moved) m", w.Name)
}

// Connections is how many connections to the database a worker has.
func (h *House) Connections(w *Worker) int64 {
	h.t.Helper()
	n, err := strconv.ParseInt(h.Text("select count(*) from pg_stat_activity where datname = current_database() and "+
		"application_name ~ ('^orderbell/' || $1 || '([^A-Za-z0-9]|$)')", w.Name), 10, 64)
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}

// Bound has a measure checked.
func (h *House) Bound(what string, got, most int64) {
	h.t.Helper()
	h.t.Logf("%s: %d, at most %d", what, got, most)
	h.bounds = append(h.bounds, Bound{What: what, Got: got, Most: most})
}

// Returns has a measure checked that may take a moment to come down: connections
// that somebody else closes are noticed a little later.
func (h *House) Returns(what string, most int64, measure func() int64) {
	h.t.Helper()
	got := measure()
	for deadline := time.Now().Add(returning); got > most && time.Now().Before(deadline); got = measure() {
		time.Sleep(10 * time.Millisecond)
	}
	h.Bound(what, got, most)
}

// living are the names of the workers that run.
func (h *House) living() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var names []string
	for _, w := range h.workers {
		if w.Living() {
			names = append(names, w.Name)
		}
	}
	return slices.Clip(names)
}
