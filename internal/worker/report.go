package worker

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

// The keys of the worker's log lines: the words of the contract.
const (
	keyNotification = "notification_id"
	keyEndpoint     = "endpoint"
	keyOrderNo      = "order_no"
	keyEvent        = "event"
	keyAttempt      = "attempt"
	keyOutcome      = "outcome"
	keyHTTPStatus   = "http_status"
	keyDuration     = "duration"
	keyState        = "state"
	keyReason       = "reason"
	keyPolicy       = "policy"
	keyError        = "error"
	keyRows         = "rows"
	keyDoing        = "doing"
	keyRemedy       = "remedy"
	keyAfter        = "after"
)

const (
	// wellAfter is how long an endpoint must not have failed to be called well: one
	// that fails every other time would fill the log otherwise.
	wellAfter = time.Minute
	// mostFailing bounds the memory of which endpoints are failing.
	mostFailing = 10_000
)

// reporter writes the log. The attempt's row is the record: at info only an
// endpoint's first failure, its recovery, and endings other than acknowledged.
// Several goroutines call it.
type reporter struct {
	log *slog.Logger

	mu      sync.Mutex
	failing map[string]time.Time // when it failed last
}

func newReporter(log *slog.Logger) *reporter {
	return &reporter{log: log, failing: make(map[string]time.Time)}
}

func (r *reporter) settled(s *outbox.Settlement, went outbox.Settled) {
	claim, result := s.Claim, &s.Result
	if r.log.Enabled(context.Background(), slog.LevelDebug) {
		r.log.Debug("attempt", keyNotification, outbox.FormatID(claim.ID), keyEndpoint, claim.Endpoint, keyEvent, claim.Event,
			keyOrderNo, claim.OrderNo, keyAttempt, claim.Attempt, keyOutcome, string(result.Outcome),
			keyHTTPStatus, result.HTTPStatus, keyDuration, result.Elapsed, keyState, string(went.State), keyError, result.Error)
	}
	r.endpoint(claim.Endpoint, result)
	if went.HookFault != "" {
		r.log.Warn("a hook has failed; its row stays, and it is tried again", keyNotification, outbox.FormatID(claim.ID),
			keyEndpoint, claim.Endpoint, keyOrderNo, claim.OrderNo, keyError, went.HookFault)
	}
	if went.State.Finished() && went.State != outbox.Acknowledged {
		r.log.Info("a notification ended without an acknowledgement",
			keyNotification, outbox.FormatID(claim.ID), keyEndpoint, claim.Endpoint, keyEvent, claim.Event,
			keyOrderNo, claim.OrderNo, keyState, string(went.State), keyReason, went.Reason)
	}
}

// hooked tells how a hook went that was called again.
func (r *reporter) hooked(owed outbox.Owed, went outbox.Settled) {
	if went.HookFault != "" {
		r.log.Warn("a hook has failed again; its row stays, and it is tried again",
			keyNotification, outbox.FormatID(owed.ID), keyEndpoint, owed.Endpoint, keyError, went.HookFault)
		return
	}
	r.log.Info("a hook has worked at last", keyNotification, outbox.FormatID(owed.ID), keyEndpoint, owed.Endpoint,
		keyState, string(went.State), keyReason, went.Reason)
}

// endpoint tells when an endpoint begins to fail, and when it is well again.
func (r *reporter) endpoint(endpoint string, result *outbox.Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	last, failing := r.failing[endpoint]
	switch result.Outcome {
	case outbox.OutcomeAcknowledged:
		if failing && time.Since(last) >= wellAfter {
			delete(r.failing, endpoint)
			r.log.Info("an endpoint acknowledges again", keyEndpoint, endpoint)
		}
	case outbox.OutcomeAnswered, outbox.OutcomeTimeout, outbox.OutcomeUnreachable, outbox.OutcomeBlocked:
		if !failing && len(r.failing) >= mostFailing {
			return
		}
		r.failing[endpoint] = time.Now()
		if !failing {
			r.log.Info("an endpoint fails", keyEndpoint, endpoint, keyOutcome, string(result.Outcome), keyError, result.Error)
		}
	}
}

// gone tells of a result that came too late: the lease was lost meanwhile.
func (r *reporter) gone(s *outbox.Settlement) {
	r.log.Debug("a result came after its lease was lost, or was settled before",
		keyNotification, outbox.FormatID(s.Claim.ID), keyEndpoint, s.Claim.Endpoint, keyAttempt, s.Claim.Attempt,
		keyOutcome, string(s.Result.Outcome))
}
