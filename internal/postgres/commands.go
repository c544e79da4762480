package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orderbell/orderbell/internal/outbox"
)

// Changes are those of an endpoint that need not be said each time. Nil: it stays as it is.
type Changes struct {
	// Limits of what all workers may do to it together; 0: there is none any more.
	MaxInFlight *int     // 1 to 10,000 requests
	Rate        *float64 // up to 10,000 requests a second
	// Signature is the scheme that signs its requests; empty: the policy's.
	Signature *string
	// BatchSize is the most notifications in one request, 2 to 100; 0: each has its own.
	BatchSize *int
	BatchWait *time.Duration // how long the first of a batch waits for others, up to 30 s
	// OnHeadExhausted is skip or block: what happens to a sequence whose head does not get
	// through.
	OnHeadExhausted *string
	// AnswerKey is the public key or certificate that verifies its answers, up to 16 KB;
	// empty: there is none any more.
	AnswerKey *string
}

// AddEndpoint adds an endpoint, or changes URL, policy and these of the one with this id;
// it returns whether it is new.
func (db *DB) AddEndpoint(ctx context.Context, e outbox.Endpoint, c Changes) (added bool, err error) {
	row, err := queryOne[struct{ Added bool }](ctx, db.reads, "add endpoint "+e.ID, sqlAddEndpoint, pgx.StrictNamedArgs{
		"id": e.ID, "url": e.URL, "policy": e.Policy, "max_in_flight": c.MaxInFlight, "rate": c.Rate, "signature": c.Signature,
		"batch_size": c.BatchSize, "batch_wait": c.BatchWait, "on_head_exhausted": c.OnHeadExhausted, "answer_key": c.AnswerKey,
	})
	return row.Added, err
}

// EndpointRow is an endpoint as `orderbell endpoint list` shows it.
type EndpointRow struct {
	ID               string     `json:"id"`
	URL              string     `json:"url"`
	Action           bool       `json:"action"` // its URL names a function of the database
	Policy           string     `json:"policy"`
	MaxInFlight      *int       `json:"max_in_flight"`
	RatePerSecond    *float64   `json:"rate_per_second"`
	BatchSize        *int       `json:"batch_size"` // nil: each notification has its own request
	BatchWaitSeconds float64    `json:"batch_wait_seconds"`
	OnHeadExhausted  string     `json:"on_head_exhausted"` // skip or block
	HasAnswerKey     bool       `json:"has_answer_key"`
	Signature        string     `json:"signature"`        // its own, or the policy's
	Secrets          int        `json:"secrets"`          // that are valid
	Parked           string     `json:"parked,omitempty"` // why
	PausedAt         *time.Time `json:"paused_at"`
	PauseReason      string     `json:"pause_reason,omitempty"`
	// Breaker is closed, open or half_open; what follows is of one that is not closed.
	Breaker       string     `json:"breaker"`
	OpenedAt      *time.Time `json:"opened_at,omitempty"`
	OpenedBecause string     `json:"opened_because,omitempty"`
	ProbeAt       *time.Time `json:"probe_at,omitempty"`
}

// Pause stops sending to an endpoint; its rows are kept. An empty reason leaves the one
// that it has.
func (db *DB) Pause(ctx context.Context, endpoint, reason string) error {
	_, err := queryOne[struct{ Done string }](ctx, db.reads, "pause endpoint "+endpoint, sqlPause,
		pgx.StrictNamedArgs{"endpoint": endpoint, "reason": reason})
	return err
}

// Resume goes on sending to an endpoint, and closes its breaker.
func (db *DB) Resume(ctx context.Context, endpoint string) error {
	_, err := queryOne[struct{ Done string }](ctx, db.reads, "resume endpoint "+endpoint, sqlResume,
		pgx.StrictNamedArgs{"endpoint": endpoint})
	return err
}

// Unblock lets the sequences of an endpoint go on whose head did not get through, or only
// the one of a key. It returns how many.
func (db *DB) Unblock(ctx context.Context, endpoint string, sequenceKey *string) (int64, error) {
	row, err := queryOne[struct{ Unblocked int64 }](ctx, db.reads, "unblock endpoint "+endpoint, sqlUnblock,
		pgx.StrictNamedArgs{"endpoint": endpoint, "sequence_key": sequenceKey})
	return row.Unblocked, err
}

// ListEndpoints returns every endpoint, by id.
func (db *DB) ListEndpoints(ctx context.Context) ([]EndpointRow, error) {
	return query[EndpointRow](ctx, db.reads, "list endpoints", sqlListEndpoints, pgx.StrictNamedArgs{})
}

// Backlog is the one row of the view of that name, and how many hooks fail.
type Backlog struct {
	DueNow               int64   `json:"due_now"`
	OldestOverdueSeconds float64 `json:"oldest_overdue_seconds"`
	InFlight             int64   `json:"in_flight"`
	Waiting              int64   `json:"waiting"`
	Held                 int64   `json:"held"`
	Parked               int64   `json:"parked"`
	Paused               int64   `json:"paused"`
	BehindBreaker        int64   `json:"behind_breaker"`
	Queued               int64   `json:"queued"`      // wait for their turn in a sequence
	OwingHooks           int64   `json:"owing_hooks"` // have come to their end, but for their hook
	FailingHooks         int64   `json:"-"`           // of those, the hook has failed before
}

// Backlog returns what is unfinished.
func (db *DB) Backlog(ctx context.Context) (Backlog, error) {
	return queryOne[Backlog](ctx, db.reads, "read the backlog", sqlBacklog, pgx.StrictNamedArgs{})
}

// Notification is where one notification stands.
type Notification struct {
	ID           outbox.ID `json:"-"`
	Endpoint     string    `json:"endpoint"`
	Event        string    `json:"event"`
	State        string    `json:"state"`
	AttemptCount int       `json:"attempt_count"`
	CreatedAt    time.Time `json:"created_at"`
	Explanation  string    `json:"explanation"`
}

// Attempt is one line of a notification's history.
type Attempt struct {
	NotificationID outbox.ID `json:"-"`
	Attempt        int       `json:"attempt"`
	StartedAt      time.Time `json:"started_at"`
	DurationMs     float64   `json:"duration_ms"`
	Outcome        string    `json:"outcome"`
	HTTPStatus     int       `json:"http_status,omitempty"`
	Error          string    `json:"error,omitempty"`
	Worker         string    `json:"worker"`
	URL            string    `json:"url"`
}

// History returns an order's notifications, oldest first, and their attempts.
func (db *DB) History(ctx context.Context, orderNo string) ([]Notification, map[outbox.ID][]Attempt, error) {
	notifications, err := query[Notification](ctx, db.reads, "read the history", sqlHistory, pgx.StrictNamedArgs{"order_no": orderNo})
	if err != nil {
		return nil, nil, err
	}
	ids := make([]outbox.ID, len(notifications))
	for i, n := range notifications {
		ids[i] = n.ID
	}
	found, err := query[Attempt](ctx, db.reads, "read the attempts", sqlAttempts, pgx.StrictNamedArgs{"ids": ids})
	if err != nil {
		return nil, nil, err
	}
	attempts := make(map[outbox.ID][]Attempt, len(notifications))
	for _, a := range found {
		attempts[a.NotificationID] = append(attempts[a.NotificationID], a)
	}
	return notifications, attempts, nil
}

// Ping says whether the database answers, with what it says if it does not.
func (db *DB) Ping(ctx context.Context) error {
	if err := db.reads.Ping(ctx); err != nil {
		return &failure{"reach the database", err}
	}
	return nil
}
