package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orderbell/orderbell/internal/outbox"
)

// Merchants is the database as the merchants' API asks it: through two connections of its
// own, so that no merchant can keep the worker waiting.
type Merchants struct{ db *DB }

// OpenMerchants prepares the connections; they are made when they are first needed. name
// shows in pg_stat_activity.
func OpenMerchants(ctx context.Context, url, name string) (*Merchants, error) {
	db := &DB{worker: name, silent: newSilences(), shortage: make(chan struct{}, 1)}
	opened, err := openPool(ctx, url, name, db.silent, pinMerchants, nil)
	if err != nil {
		return nil, err
	}
	db.reads = &pool{opened, db}
	return &Merchants{db}, nil
}

// pinMerchants keeps a merchant's question from taking long: they are all look-ups. They are
// planned once, since a plan looks at every day: with a year of them an order took 45 ms
// instead of 300, a page of 500 over all of them 140 instead of 490, and the last page 3.
func pinMerchants(config *pgx.ConnConfig, name string) {
	pinReads(config, name)
	config.RuntimeParams["statement_timeout"] = "5s"
	config.RuntimeParams["plan_cache_mode"] = "force_generic_plan"
}

// Close waits for what is under way and closes the connections.
func (m *Merchants) Close() { m.db.Close() }

// TokenEndpoint returns the endpoint that a token is good for, by its SHA-256; empty where
// it is none, or no more.
func (m *Merchants) TokenEndpoint(ctx context.Context, hash []byte) (string, error) {
	row, err := queryOne[struct{ Endpoint *string }](ctx, m.db.reads, "look up a token", sqlTokenEndpoint, pgx.StrictNamedArgs{"hash": hash})
	if err != nil || row.Endpoint == nil {
		return "", err
	}
	return *row.Endpoint, nil
}

// MerchantNotification is a notification as its merchant may see it, before what concerns
// the sender alone is taken out of its texts.
type MerchantNotification struct {
	ID             string
	Endpoint       string
	Event          string
	OrderNo        string
	State          *string // nil: it has neither a delivery nor an ending
	AttemptCount   int
	Rung           int
	Round          int
	NextAttemptAt  *time.Time
	GivesUpAt      *time.Time
	CreatedAt      time.Time
	FinishedAt     *time.Time
	ReleasedAt     *time.Time
	LastOutcome    *string
	LastHTTPStatus *int
	LastError      *string
	Explanation    string
}

// MerchantOrder is a notification of an order, with its attempts.
type MerchantOrder struct {
	MerchantNotification
	Attempts []MerchantAttempt
}

// MerchantMessage is a notification with what it says.
type MerchantMessage struct {
	MerchantNotification
	Body        string
	ContentType *string
}

// MerchantAttempt is one line of a notification's history.
type MerchantAttempt struct {
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

// Order returns an order's notifications of an endpoint with their attempts, in the order
// in which they were written: the newest 100 of each.
func (m *Merchants) Order(ctx context.Context, endpoint, orderNo string) ([]MerchantOrder, error) {
	return query[MerchantOrder](ctx, m.db.reads, "read an order", sqlAPIOrder,
		pgx.StrictNamedArgs{"endpoint": endpoint, "order_no": orderNo})
}

// mostPageBytes bounds the bodies of a page.
const mostPageBytes = 4 << 20

// Page returns an endpoint's notifications whose ids lie between after and before, both not
// included, by id: limit of them at the most, and fewer where their bodies are longer than 4
// MB together. more tells that others follow.
func (m *Merchants) Page(ctx context.Context, endpoint string, after, before outbox.ID, limit int) (page []MerchantMessage, more bool, err error) {
	found, err := query[struct {
		ID    outbox.ID
		Bytes int
	}](ctx, m.db.reads, "read a page", sqlAPIPage, pgx.StrictNamedArgs{
		"endpoint": endpoint, "after": after, "before": before, "most": limit + 1,
	})
	if err != nil || len(found) == 0 {
		return nil, false, err
	}
	var ids []outbox.ID
	for bytes := 0; len(ids) < min(limit, len(found)); {
		next := found[len(ids)]
		if bytes += next.Bytes; bytes > mostPageBytes && len(ids) > 0 {
			break
		}
		ids = append(ids, next.ID)
	}
	page, err = query[MerchantMessage](ctx, m.db.reads, "read a page's notifications", sqlAPINotifications,
		pgx.StrictNamedArgs{"endpoint": endpoint, "ids": ids})
	return page, len(ids) < len(found), err
}

// OpenOrder is a transaction that may still commit notifications whose ids are made.
type OpenOrder struct {
	Name string // virtualtransaction: another for each, but a prepared one gets a new one
	PID  int    // of its session; 0: it is prepared
	// Began is when it began; nil where this user may not see that.
	Began *time.Time
	// PreparedAt is when a prepared one was.
	PreparedAt *time.Time
}

// standbyError says that a server shows no transactions of those who write.
type standbyError struct{}

func (standbyError) Error() string { return "look for open orders: this server is a standby" }

// Away tells that the database as a whole did not do it.
func (standbyError) Away() bool { return true }

// OpenOrders returns the transactions that are writing notifications, and the database's
// time just before it looked.
func (m *Merchants) OpenOrders(ctx context.Context) (at time.Time, open []OpenOrder, err error) {
	rows, err := query[struct {
		At time.Time
		OpenOrder
	}](ctx, m.db.reads, "look for open orders", sqlAPIOpen, pgx.StrictNamedArgs{})
	if err != nil {
		return at, nil, err
	}
	if len(rows) == 0 {
		return at, nil, standbyError{}
	}
	for _, row := range rows {
		at = row.At
		if row.Name != "" {
			open = append(open, row.OpenOrder)
		}
	}
	return at, open, nil
}
