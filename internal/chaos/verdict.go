package chaos

import (
	"context"
	"fmt"
	"slices"

	"github.com/orderbell/orderbell/internal/pgtest"
)

// shown is how many violations of one invariant are printed.
const shown = 5

// Snapshot reads the history, which must stand unchanged when the logs are checked.
func (h *House) Snapshot() {
	h.t.Helper()
	read, err := ReadHistory(h.t.Context(), h.URL)
	if err != nil {
		h.t.Fatal(err)
	}
	h.earlier = append(h.earlier, read)
}

// Outcomes counts the attempts of each outcome so far.
func (h *House) Outcomes() string {
	h.t.Helper()
	return h.Text(`select string_agg(n || ' ' || outcome, ', ' order by outcome)
		from (select outcome, count(*) as n from orderbell.attempt group by outcome) o`)
}

// AtRest waits until the shops have ended and nothing is unfinished, but for rows behind an
// open breaker. Their endpoints are paused: a probe would begin now and then.
func (h *House) AtRest() {
	h.t.Helper()
	for _, s := range h.shops {
		s.Wait()
	}
	h.Becomes("", `select string_agg(format('%s %s of %s', n, state, endpoint), ', ')
		from (select state, endpoint, count(*) as n from orderbell.delivery d
		      where state <> 'pending' or not exists (select from orderbell.breaker b where b.endpoint = d.endpoint)
		      group by state, endpoint) left_over`)
	h.Becomes("0", `select (select count(halted) from (
			select orderbell.pause(b.endpoint, 'the test is over') as halted
			from orderbell.breaker b
			join orderbell.endpoint e on e.id = b.endpoint and e.paused_at is null) h)
		+ (select count(*) from orderbell.delivery where state = 'in_flight')`)
}

// Logs are the logs as they are now. The shops must have ended.
func (h *House) Logs() Logs {
	h.t.Helper()
	logs := Logs{
		Orders: slices.Clone(h.orders), Earlier: h.earlier, Cancelled: h.cancelled, Living: h.living(), Bounds: h.bounds,
	}
	for _, s := range h.shops {
		s.Wait()
		logs.Orders = append(logs.Orders, s.Orders()...)
	}
	pgtest.Eventually(h.t, patience, "the database to be read", func() (err error) {
		ctx, cancel := context.WithTimeout(h.t.Context(), patience)
		defer cancel()
		logs.Database, err = ReadDatabase(ctx, h.URL)
		return err
	})
	logs.Requests = h.Requests() // later than the database: what that has, they have
	return logs
}

// Violations are what does not hold in these logs, with the faults of the scenario
// excused.
func (h *House) Violations(logs Logs) []Violation {
	h.mu.Lock()
	defer h.mu.Unlock()
	return Check(logs, Allowance{Faults: slices.Clone(h.faults), Codes: slices.Clone(h.codes)})
}

// Check holds the logs against each other and fails the test with what does not hold.
func (h *House) Check() {
	h.t.Helper()
	h.Judge(h.Logs())
}

// Judge is Check of logs that were read before. It returns how much does not hold.
func (h *House) Judge(logs Logs) int {
	h.t.Helper()
	violations := h.Violations(logs)
	h.t.Log(tell(logs))
	printed := make(map[Invariant]int)
	for _, v := range violations {
		if printed[v.Invariant]++; printed[v.Invariant] <= shown {
			h.t.Errorf("%s\n%s", v, biography(logs, v.ID))
		}
	}
	for _, i := range Invariants {
		if printed[i] > shown {
			h.t.Errorf("%s: %d violations in all", i, printed[i])
		}
	}
	return len(violations)
}

// Duplicates is how many requests came after the acknowledgement of their notification.
func Duplicates(logs Logs) int {
	n := 0
	for _, l := range livesOf(logs) {
		n += len(l.duplicates())
	}
	return n
}

// tell sums up the logs in one line.
func tell(logs Logs) string {
	fates := make(map[Fate]int)
	for _, o := range logs.Orders {
		fates[o.Fate]++
	}
	return fmt.Sprintf("orders: %d committed, %d rolled back, %d unknown, %d failed; %d requests, %d after an acknowledgement; "+
		"%d attempts, %d endings, %d unfinished", fates[Committed], fates[RolledBack], fates[Unknown], fates[Failed],
		len(logs.Requests), Duplicates(logs), len(logs.Database.Attempts), len(logs.Database.Finished), len(logs.Database.Deliveries))
}

// biography is all that the logs have of one notification, a line each.
func biography(logs Logs, id string) string {
	var text string
	for _, l := range livesOf(logs) {
		if l.id != id {
			continue
		}
		for _, a := range l.attempts {
			text += fmt.Sprintf("  attempt %+v\n", a)
		}
		for _, r := range l.requests {
			r.Arrived, r.Answered = r.Arrived.Round(0).UTC(), r.Answered.Round(0).UTC() // easier to read
			text += fmt.Sprintf("  request %+v\n", r)
		}
		for _, f := range l.ends {
			text += fmt.Sprintf("  ending %+v\n", f)
		}
		if l.stands != nil {
			text += fmt.Sprintf("  delivery %+v\n", *l.stands)
		}
	}
	return text
}
