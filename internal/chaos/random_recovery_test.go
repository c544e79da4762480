package chaos_test

import (
	"slices"
	"time"

	"github.com/orderbell/orderbell/internal/chaos"
)

// recovered is how long after a SIGKILL what was in flight was sent again.
type recovered struct {
	Rows spread `json:"recovery_of_rows"`
	// Kills counts the last row of each kill.
	Kills spread `json:"recovery_of_kills"`
	// Calm are those kills during whose recovery another worker had its database.
	Calm      spread `json:"recovery_of_calm_kills"`
	CalmRows  spread `json:"recovery_of_calm_rows"`
	SlowestAt string `json:"slowest_kill_at"` // in the run
	// AfterOutage counts from the last outage of the database that came before a row
	// was sent again, or else from the kill.
	AfterOutage spread `json:"recovery_of_rows_after_the_last_outage"`
}

// recovery looks for when each row that was in flight with a killed worker was sent
// again. Those whose attempt had an end all the same, or spent a rung because it was
// the third in a row, are left out.
func (s *storm) recovery(logs chaos.Logs) (r recovered) {
	arrivals := make(map[string][]chaos.Request)
	for _, q := range logs.Requests {
		arrivals[q.ID] = append(arrivals[q.ID], q)
	}
	attempts := make(map[string][]chaos.Attempt)
	for _, a := range logs.Database.Attempts {
		attempts[a.ID] = append(attempts[a.ID], a)
	}
	var rows, kills, calm, calmRows, after []time.Duration
	var slowest time.Duration
	for _, k := range s.kills {
		var of []time.Duration
		for _, row := range k.rows {
			again := slices.IndexFunc(arrivals[row.id], func(q chaos.Request) bool { return q.Attempt > row.attempt })
			if again >= 0 && free(attempts[row.id], row.attempt) {
				at := arrivals[row.id][again].Arrived
				of, after = append(of, at.Sub(k.at)), append(after, at.Sub(latest(k.at, s.lastOutage(at))))
			}
		}
		if len(of) == 0 {
			continue
		}
		last := slices.Max(of)
		rows, kills = append(rows, of...), append(kills, last)
		if s.quiet(k.at, k.at.Add(last)) {
			calm, calmRows = append(calm, last), append(calmRows, of...)
		}
		if last > slowest {
			slowest, r.SlowestAt = last, k.at.Sub(s.began).Round(time.Millisecond).String()
		}
	}
	r.Rows, r.Kills, r.Calm, r.CalmRows = spreadOf(rows), spreadOf(kills), spreadOf(calm), spreadOf(calmRows)
	r.AfterOutage = spreadOf(after)
	return r
}

// free tells that an attempt is unknown and spent no rung.
func free(attempts []chaos.Attempt, number int) bool {
	unknowns := 0
	for _, a := range attempts {
		unknowns++
		if a.Outcome != "unknown" {
			unknowns = 0
		}
		if a.Attempt == number {
			return unknowns == 1 || unknowns == 2
		}
	}
	return false
}

// quiet tells that the database was there, and for one worker at least all the time.
func (s *storm) quiet(from, to time.Time) bool {
	if slices.ContainsFunc(s.outages, func(o outage) bool { return o.from.Before(to) && o.to.After(from) }) {
		return false
	}
	return slices.ContainsFunc(s.all, func(m *member) bool {
		return m.since.Before(from) && (m.left.IsZero() || m.left.After(to)) &&
			!slices.ContainsFunc(m.troubles, func(t trouble) bool { return t.from.Before(to) && t.to.After(from) })
	})
}

// lastOutage is when the last outage before a time was over.
func (s *storm) lastOutage(at time.Time) (to time.Time) {
	for _, o := range s.outages {
		if o.to.Before(at) {
			to = latest(to, o.to)
		}
	}
	return to
}
