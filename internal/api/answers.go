package api

import (
	"context"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

// Database is where the answers come from. It is asked about one endpoint at a time, and
// tells nothing of others.
type Database interface {
	// TokenEndpoint returns the endpoint that a token is good for, by the token's SHA-256;
	// empty where it is none.
	TokenEndpoint(ctx context.Context, hash []byte) (string, error)
	// Order returns an order's notifications of an endpoint, in the order of their ids.
	Order(ctx context.Context, endpoint, orderNo string) ([]Order, error)
	// Page returns an endpoint's notifications with ids between after and before, both not
	// included, by id, up to limit of them or fewer, and whether others follow.
	Page(ctx context.Context, endpoint string, after, before outbox.ID, limit int) (page []Message, more bool, err error)
	// OpenOrders returns the transactions that may still commit notifications whose ids are
	// made, and the database's time just before it looked.
	OpenOrders(ctx context.Context) (at time.Time, open []OpenOrder, err error)
}

// Notification is where a notification stands, in the words of the view
// notification_status.
type Notification struct {
	ID             string     `json:"id"`
	Endpoint       string     `json:"endpoint"`
	Event          string     `json:"event"`
	OrderNo        string     `json:"order_no"`
	State          *string    `json:"state"`
	AttemptCount   int        `json:"attempt_count"`
	Rung           int        `json:"rung"`
	Round          int        `json:"round"`
	NextAttemptAt  *time.Time `json:"next_attempt_at"`
	GivesUpAt      *time.Time `json:"gives_up_at"`
	CreatedAt      time.Time  `json:"created_at"`
	FinishedAt     *time.Time `json:"finished_at"`
	ReleasedAt     *time.Time `json:"released_at"`
	LastOutcome    *string    `json:"last_outcome"`
	LastHTTPStatus *int       `json:"last_http_status"`
	LastError      *string    `json:"last_error"`
	Explanation    string     `json:"explanation"`
}

// Message is a notification with what it says.
type Message struct {
	Notification
	Body        string  `json:"body"`
	ContentType *string `json:"content_type"`
}

// Order is a notification of an order, with its attempts.
type Order struct {
	Notification
	Attempts []Attempt `json:"attempts"`
}

// Attempt is one attempt, in the words of the view delivery_history; what it has in common
// with its notification is left out, and so is the worker.
type Attempt struct {
	Attempt         int       `json:"attempt"`
	Round           int       `json:"round"`
	URL             *string   `json:"url"`
	StartedAt       time.Time `json:"started_at"`
	DurationMs      float64   `json:"duration_ms"`
	Outcome         string    `json:"outcome"`
	HTTPStatus      *int      `json:"http_status"`
	Error           *string   `json:"error"`
	ResponseExcerpt *string   `json:"response_excerpt"`
}

// OpenOrder is a transaction that is writing notifications.
type OpenOrder struct {
	Name string // of the transaction; one that is prepared gets another
	PID  int    // of its session; 0: it is prepared
	// Began is when it began; nil where that is not known.
	Began *time.Time
	// PreparedAt is when a prepared one was.
	PreparedAt *time.Time
}

// listed is the answer to a question about an order.
type listed struct {
	OrderNo       string  `json:"order_no"`
	Notifications []Order `json:"notifications"`
}

// pulled is one page.
type pulled struct {
	Notifications []Message `json:"notifications"`
	// NextCursor leads to what comes after this page; it is always there.
	NextCursor string `json:"next_cursor"`
	// More tells that the next page has something already.
	More bool `json:"more"`
	// CompleteUntil: every notification made before it is on this page, on an earlier, or, if
	// there are more, on those that follow.
	CompleteUntil time.Time `json:"complete_until"`
}
