package outbox_test

import (
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

func BenchmarkJudge(b *testing.B) {
	policy := &outbox.Policy{
		Ladder:        outbox.Ladder{15 * time.Second, 3 * time.Minute, 10 * time.Minute},
		RetryAfterCap: time.Hour,
	}
	for _, of := range []struct {
		name   string
		rung   int
		result outbox.Result
	}{
		{name: "acknowledged", result: outbox.Result{Outcome: outbox.OutcomeAcknowledged}},
		{name: "answered", result: outbox.Result{Outcome: outbox.OutcomeAnswered, Error: "status 500", RetryAfter: time.Minute}},
		{name: "unknown", result: outbox.Result{Outcome: outbox.OutcomeUnknown}},
		{name: "exhausted", rung: 3, result: outbox.Result{Outcome: outbox.OutcomeTimeout, Error: "no answer within 10s"}},
	} {
		b.Run(of.name, func(b *testing.B) {
			claim := &outbox.Claim{Attempt: 1, Rung: of.rung}
			var verdict outbox.Verdict
			b.ReportAllocs()
			for b.Loop() {
				verdict = policy.Judge(claim, of.result)
			}
			if verdict.State == "" {
				b.Error("no verdict")
			}
		})
	}
}
