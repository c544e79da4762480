package chaos_test

import (
	"encoding/json"
	"os"
	"slices"
	"time"

	"github.com/orderbell/orderbell/internal/chaos"
)

// reported is what a random run comes to.
type reported struct {
	Seed       uint64             `json:"seed"`
	Seconds    float64            `json:"seconds"`
	Orders     map[chaos.Fate]int `json:"orders"`
	Cancelled  int                `json:"orders_cancelled"`
	Notified   int                `json:"notifications"`
	Requests   int                `json:"requests"`
	Attempts   map[string]int     `json:"attempts"`
	Endings    map[string]int     `json:"endings"`
	Faults     map[string]int     `json:"faults"`
	Workers    int                `json:"workers"`
	Exits      map[int]int        `json:"exit_statuses"`
	Duplicates int                `json:"duplicates"`
	Allowed    int                `json:"duplicates_allowed"`
	Violations int                `json:"violations"`
	recovered
	// First is the time from the database's return to the first request, Full that to
	// the first second that has nine tenths of what the shop sells.
	First spread `json:"first_delivery_after_restart"`
	Full  spread `json:"full_rate_after_restart"`
	// Lines are those of the busiest second of any worker.
	Lines         int  `json:"busiest_second_lines"`
	DatabaseLines int  `json:"busiest_second_lines_about_the_database"`
	Before        rest `json:"at_rest_before"`
	After         rest `json:"at_rest_after"`
}

// spread sums up times, in seconds.
type spread struct {
	N   int     `json:"n"`
	Min float64 `json:"min"`
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

func spreadOf(times []time.Duration) spread {
	if len(times) == 0 {
		return spread{}
	}
	slices.Sort(times)
	at := func(share float64) float64 {
		place := int(share * float64(len(times)-1))
		return float64(times[place].Milliseconds()) / 1000
	}
	return spread{N: len(times), Min: at(0), P50: at(0.5), P99: at(0.99), Max: at(1)}
}

// report checks, and tells what the run came to.
func (s *storm) report() {
	s.t.Helper()
	r := reported{Seed: s.wish.seed, Seconds: s.lasted.Seconds(), Faults: s.done, Exits: s.ended, Workers: len(s.all), Before: s.before}
	r.After = s.returned()
	logs := s.h.Logs()
	r.count(logs)
	s.excuse()
	r.Allowed = s.allowed
	r.Violations = s.h.Judge(logs)
	r.recovered = s.recovery(logs)
	s.returns(&r, logs)
	for _, m := range s.all {
		r.Lines = max(r.Lines, m.BusiestSecond(""))
		r.DatabaseLines = max(r.DatabaseLines, m.BusiestSecond("the database"))
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Logf("%s", text)
	if file := os.Getenv(reportVariable); file != "" {
		if err := os.WriteFile(file, append(text, '\n'), 0o600); err != nil {
			s.t.Error(err)
		}
	}
}

func (r *reported) count(logs chaos.Logs) {
	r.Orders, r.Attempts, r.Endings = map[chaos.Fate]int{}, map[string]int{}, map[string]int{}
	for _, o := range logs.Orders {
		r.Orders[o.Fate]++
	}
	for _, a := range logs.Database.Attempts {
		r.Attempts[a.Outcome]++
	}
	for _, f := range logs.Database.Finished {
		r.Endings[f.State]++
	}
	r.Cancelled, r.Notified, r.Requests = len(logs.Cancelled), len(logs.Database.Notifications), len(logs.Requests)
	r.Duplicates = chaos.Duplicates(logs)
}

// returns looks for the first deliveries after each restart of the database, up to the
// next outage.
func (s *storm) returns(r *reported, logs chaos.Logs) {
	var first, full []time.Duration
	var anew []time.Time // first attempts
	for _, q := range logs.Requests {
		if q.Attempt == 1 {
			anew = append(anew, q.Arrived)
		}
	}
	slices.SortFunc(anew, time.Time.Compare)
	for i, o := range s.outages {
		if !o.restarted {
			continue
		}
		end := latest(o.to, o.to.Add(limit))
		if i+1 < len(s.outages) {
			end = s.outages[i+1].from
		}
		if place := slices.IndexFunc(logs.Requests, func(q chaos.Request) bool { return q.Arrived.After(o.to) }); place >= 0 &&
			logs.Requests[place].Arrived.Before(end) {
			first = append(first, logs.Requests[place].Arrived.Sub(o.to))
		}
		if at, ok := s.fullRate(anew, o.to, end); ok {
			full = append(full, at)
		}
	}
	r.First, r.Full = spreadOf(first), spreadOf(full)
}

// fullRate finds the first second that has nine tenths of what the shop sells to
// merchants that are there: a third of the orders is rolled back, a fifth notifies
// twice, one merchant of twelve is absent.
func (s *storm) fullRate(anew []time.Time, from, to time.Time) (time.Duration, bool) {
	want := int(0.9 * float64(s.wish.perSecond) * 2 / 3 * 6 / 5 * 11 / 12)
	begin, _ := slices.BinarySearchFunc(anew, from, time.Time.Compare)
	for i := begin; i+want-1 < len(anew) && anew[i].Before(to); i++ {
		if anew[i+want-1].Sub(anew[i]) < time.Second {
			return anew[i].Sub(from), true
		}
	}
	return 0, false
}
