package outbox_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/orderbell/orderbell/internal/outbox"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	policy := &outbox.Policy{
		Ladder:        outbox.Ladder{15 * time.Second, 3 * time.Minute},
		RetryAfterCap: time.Hour,
	}
	pending := func(wait time.Duration, rung, unknowns int) outbox.Verdict {
		return outbox.Verdict{State: outbox.Pending, Wait: wait, Rung: rung, Unknowns: unknowns}
	}
	for name, test := range map[string]struct {
		rung, unknowns int
		result         outbox.Result
		want           outbox.Verdict
	}{
		"acknowledged": {
			rung: 1, result: outbox.Result{Outcome: outbox.OutcomeAcknowledged},
			want: outbox.Verdict{State: outbox.Acknowledged, Rung: 1},
		},
		"acknowledged after the last rung": {
			rung: 2, result: outbox.Result{Outcome: outbox.OutcomeAcknowledged},
			want: outbox.Verdict{State: outbox.Acknowledged, Rung: 2},
		},
		"rejected": {
			result: outbox.Result{Outcome: outbox.OutcomeRejected, Error: "status 410"},
			want:   outbox.Verdict{State: outbox.Rejected, Reason: "attempt 1: rejected: status 410"},
		},
		"answered":    {result: outbox.Result{Outcome: outbox.OutcomeAnswered}, want: pending(15*time.Second, 1, 0)},
		"timeout":     {rung: 1, result: outbox.Result{Outcome: outbox.OutcomeTimeout}, want: pending(3*time.Minute, 2, 0)},
		"unreachable": {result: outbox.Result{Outcome: outbox.OutcomeUnreachable}, want: pending(15*time.Second, 1, 0)},
		"blocked":     {result: outbox.Result{Outcome: outbox.OutcomeBlocked}, want: pending(15*time.Second, 1, 0)},
		"after the last rung": {
			rung: 2, result: outbox.Result{Outcome: outbox.OutcomeTimeout, Error: "no answer within 10s"},
			want: outbox.Verdict{State: outbox.Exhausted, Rung: 2, Reason: "attempt 1: timeout: no answer within 10s"},
		},
		"interrupted spends nothing": {rung: 2, unknowns: 1, result: outbox.Result{Outcome: outbox.OutcomeInterrupted}, want: pending(0, 2, 0)},
		"first unknown":              {rung: 1, result: outbox.Result{Outcome: outbox.OutcomeUnknown}, want: pending(0, 1, 1)},
		"second unknown":             {rung: 1, unknowns: 1, result: outbox.Result{Outcome: outbox.OutcomeUnknown}, want: pending(0, 1, 2)},
		"third unknown":              {rung: 1, unknowns: 2, result: outbox.Result{Outcome: outbox.OutcomeUnknown}, want: pending(3*time.Minute, 2, 3)},
		"fourth unknown, no rung left": {
			rung: 2, unknowns: 3, result: outbox.Result{Outcome: outbox.OutcomeUnknown},
			want: outbox.Verdict{State: outbox.Exhausted, Rung: 2, Unknowns: 4, Reason: "attempt 1: unknown"},
		},
		"an answer ends the row of unknowns": {unknowns: 5, result: outbox.Result{Outcome: outbox.OutcomeAnswered}, want: pending(15*time.Second, 1, 0)},
		"Retry-After lengthens":              {result: outbox.Result{Outcome: outbox.OutcomeAnswered, RetryAfter: time.Minute}, want: pending(time.Minute, 1, 0)},
		"Retry-After never shortens":         {result: outbox.Result{Outcome: outbox.OutcomeAnswered, RetryAfter: time.Second}, want: pending(15*time.Second, 1, 0)},
		"Retry-After is capped":              {result: outbox.Result{Outcome: outbox.OutcomeAnswered, RetryAfter: 87600 * time.Hour}, want: pending(time.Hour, 1, 0)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			claim := &outbox.Claim{Attempt: 1, Rung: test.rung, Unknowns: test.unknowns}
			if diff := cmp.Diff(test.want, policy.Judge(claim, test.result)); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
		})
	}
}

// Whatever comes back, in whatever order: a notification ends after at most N+1
// attempts that spend a rung, waits at least its rungs, and ends in a finished
// state by a legal move.
func TestJudgeAlwaysEnds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ladder := rapid.SliceOfN(rapid.Map(rapid.IntRange(1, 1e6), func(s int) time.Duration {
			return time.Duration(s) * time.Second
		}), 0, 12).Draw(t, "ladder")
		policy := &outbox.Policy{Ladder: ladder, RetryAfterCap: time.Hour}
		results := rapid.SliceOfN(rapid.SampledFrom(outbox.Outcomes), 0, 60).Draw(t, "outcomes")
		claim := &outbox.Claim{}
		spent := 0
		for _, outcome := range results {
			claim.Attempt++
			verdict := policy.Judge(claim, outbox.Result{Outcome: outcome})
			if !outbox.CanMove(outbox.InFlight, verdict.State) {
				t.Fatalf("%s leads to %s, which no picture shows", outcome, verdict.State)
			}
			if verdict.State.Finished() {
				return
			}
			switch {
			case verdict.Rung == claim.Rung+1:
				spent++
				if verdict.Wait < ladder[claim.Rung] {
					t.Fatalf("waits %v, its rung is %v", verdict.Wait, ladder[claim.Rung])
				}
			case verdict.Rung != claim.Rung || verdict.Wait != 0:
				t.Fatalf("%s: rung %d to %d, wait %v", outcome, claim.Rung, verdict.Rung, verdict.Wait)
			}
			if spent > len(ladder) {
				t.Fatalf("%d rungs spent of %d", spent, len(ladder))
			}
			claim.Rung, claim.Unknowns = verdict.Rung, verdict.Unknowns
		}
	})
}
