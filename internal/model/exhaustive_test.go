package model_test

import (
	"cmp"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

const (
	acknowledged = outbox.OutcomeAcknowledged
	answered     = outbox.OutcomeAnswered
	unknown      = outbox.OutcomeUnknown
)

// searches are what two workers and a business transaction can do. What has no depth
// is gone through to the end.
func searches() map[string]*search {
	in := func(rows, attempts int, outcomes ...outbox.Outcome) scope {
		return scope{orders: rows, attempts: attempts, takes: []int{1}, outcomes: outcomes, inVain: true, deaf: true, prompt: true}
	}
	return map[string]*search{
		"one notification, to the end":  {rows: 1, scope: in(1, 2, acknowledged, answered, unknown, outbox.OutcomeRejected, outbox.OutcomeInterrupted)},
		"one notification, its ladder":  {rows: 1, depth: 9 + deeper(), scope: in(1, 4, acknowledged, answered, unknown)},
		"two notifications":             {rows: 2, depth: 8 + deeper(), scope: in(2, 3, acknowledged, answered)},
		"one notification, slow answer": {rows: 1, depth: 8 + deeper(), scope: slowly(in(1, 3, acknowledged, answered))},
	}
}

// slowly lets results wait for their settling, and get lost on the way.
func slowly(s scope) scope {
	s.prompt, s.lost = false, true
	return s
}

// deeper is how many steps more than usual are asked for: with each there are two to
// three times as many situations.
func deeper() int {
	n, _ := strconv.Atoi(os.Getenv("MODEL_DEEPER"))
	return n
}

// TestEveryInterleaving finds no sequence of steps after which the statements and
// the model differ, or a promise is broken.
func TestEveryInterleaving(t *testing.T) {
	t.Parallel()
	l := ladder{rungs: []int{1}}
	for name, s := range searches() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s.rules = properRules(l)
			began := time.Now()
			if counterexample := s.run(l); counterexample != "" {
				t.Error(counterexample)
			}
			t.Logf("%d situations, up to %d steps, %d steps tried, in %s", len(s.places), s.longest, s.tried, time.Since(began).Round(time.Millisecond))
		})
	}
}

// TestEveryBrokenRuleIsFound breaks one rule at a time.
func TestEveryBrokenRuleIsFound(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		breaks func(*rules)
		says   string // what the search objects to
	}{
		"settle without the token": {func(r *rules) {
			r.fence = func(*paperRow, int, outbox.Outcome, bool) bool { return true }
		}, "0 goes pending, and should have nothing"},
		"settle by the row's state alone": {func(r *rules) {
			r.fence = func(row *paperRow, _ int, _ outbox.Outcome, _ bool) bool {
				return row.delivery.state == outbox.InFlight
			}
		}, "0 goes pending, and should have nothing"},
		"unknown while the lease runs": {func(r *rules) {
			fence := r.fence
			r.fence = func(row *paperRow, attempt int, outcome outbox.Outcome, _ bool) bool {
				return fence(row, attempt, outcome, true)
			}
		}, "0 goes pending, and should have nothing"},
		"a late acknowledgement is dropped": {func(r *rules) {
			fence := r.fence
			r.fence = func(row *paperRow, attempt int, outcome outbox.Outcome, mine bool) bool {
				return row.delivery.state == outbox.InFlight && int(row.delivery.attempts) == attempt && fence(row, attempt, outcome, mine)
			}
		}, "0 is held, and should have 0 goes acknowledged"},
		"claim what is in flight": {func(r *rules) {
			r.claimable = func(row *paperRow) bool { return row.delivery.wait == 0 }
		}, "should have claimed 0"},
		"claim out of an ended lease without an unknown attempt": {func(r *rules) {
			claimable := r.claimable
			r.claimable = func(row *paperRow) bool { return claimable(row) || row.delivery.over }
		}, "should have claimed 0"},
		"claim before the wait is over": {func(r *rules) {
			r.claimable = func(row *paperRow) bool { return row.delivery.state == outbox.Pending }
		}, "should have claimed 0"},
		"unknown is not recorded": {func(r *rules) {
			r.records = func(o outbox.Outcome) bool { return o != unknown }
		}, "attempts are missing"},
		"retry without the ladder": {func(r *rules) {
			judge := r.judge
			r.judge = func(c *outbox.Claim, result outbox.Result) outbox.Verdict {
				v := judge(c, result)
				v.Wait = 0
				return v
			}
		}, "Wait:1"},
		"a rung is not counted": {func(r *rules) {
			judge := r.judge
			r.judge = func(c *outbox.Claim, result outbox.Result) outbox.Verdict {
				v := judge(c, result)
				v.Rung = 0
				return v
			}
		}, "its rungs are not those that its attempts have spent"},
		"unknown never spends a rung": {func(r *rules) {
			judge := r.judge
			r.judge = func(c *outbox.Claim, result outbox.Result) outbox.Verdict {
				clone := *c
				clone.Unknowns = 0
				return judge(&clone, result)
			}
		}, "its unknowns are not those of its attempts"},
		"unknown spends a rung at once": {func(r *rules) {
			judge := r.judge
			r.judge = func(c *outbox.Claim, result outbox.Result) outbox.Verdict {
				clone := *c
				clone.Unknowns += 2
				return judge(&clone, result)
			}
		}, "its rungs are not those that its attempts have spent"},
		"a cancelled row in flight goes on": {func(r *rules) {
			r.ends = func(verdict, _ outbox.State) outbox.State { return verdict }
		}, "0 goes pending, and should have 0 goes cancelled"},
		"a cancelled row is not acknowledged": {func(r *rules) {
			r.ends = func(verdict, endsAs outbox.State) outbox.State { return cmp.Or(endsAs, verdict) }
		}, "0 goes cancelled, and should have 0 goes acknowledged"},
		"renew by the row's state alone": {func(r *rules) {
			r.renews = func(*paperRow, int, int) bool { return true }
		}, "0 is renewed, and should have nothing"},
		"a late acknowledgement ends a row in flight": {func(r *rules) {
			r.waits = false
		}, "attempts are missing"},
		"the delivery of what is finished is left behind": {func(r *rules) {
			r.leaves = true
		}, "it is in delivery and in finished"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := ladder{rungs: []int{1}}
			s := searches()["one notification, its ladder"]
			s.rules = properRules(l)
			test.breaks(&s.rules)
			counterexample := s.run(l)
			if !strings.Contains(counterexample, test.says) {
				t.Errorf("the search did not say %q, but:\n%s", test.says, counterexample)
			}
			t.Log(counterexample)
		})
	}
}
