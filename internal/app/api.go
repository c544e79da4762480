package app

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/orderbell/orderbell/internal/api"
	"github.com/orderbell/orderbell/internal/config"
	"github.com/orderbell/orderbell/internal/outbox"
	"github.com/orderbell/orderbell/internal/postgres"
)

// openAPI listens for merchants where the configuration says so. What it returns answers
// them until its context ends; nothing is answered before.
func openAPI(ctx context.Context, c *config.Config, log *slog.Logger) (serve func(context.Context), err error) {
	if c.API.Listen == "" {
		return func(context.Context) {}, nil
	}
	db, err := postgres.OpenMerchants(ctx, c.Database.URL, c.Worker.Name)
	if err != nil {
		return nil, err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", c.API.Listen)
	if err != nil {
		db.Close()
		return nil, fmt.Errorf("open api.listen: %w", err)
	}
	return func(ctx context.Context) {
		defer db.Close()
		log.Info("merchants can ask", "listen", listener.Addr().String())
		if err := api.Serve(ctx, listener, api.New(asked{db}, log), log); err != nil {
			log.Error("merchants can no longer ask; the worker goes on", "error", err)
		}
	}, nil
}

// asked is the database, in the words of the API.
type asked struct{ *postgres.Merchants }

// Order returns an order's notifications of an endpoint.
func (a asked) Order(ctx context.Context, endpoint, orderNo string) ([]api.Order, error) {
	rows, err := a.Merchants.Order(ctx, endpoint, orderNo)
	found := make([]api.Order, len(rows))
	for i, row := range rows {
		attempts := make([]api.Attempt, len(row.Attempts))
		for j, attempt := range row.Attempts {
			attempts[j] = api.Attempt(attempt)
		}
		found[i] = api.Order{Notification: api.Notification(row.MerchantNotification), Attempts: attempts}
	}
	return found, err
}

// Page returns an endpoint's notifications between two ids.
func (a asked) Page(ctx context.Context, endpoint string, after, before outbox.ID, limit int) ([]api.Message, bool, error) {
	rows, more, err := a.Merchants.Page(ctx, endpoint, after, before, limit)
	page := make([]api.Message, len(rows))
	for i, row := range rows {
		page[i] = api.Message{
			Notification: api.Notification(row.MerchantNotification), Body: row.Body, ContentType: row.ContentType,
		}
	}
	return page, more, err
}

// OpenOrders returns the transactions that are writing notifications.
func (a asked) OpenOrders(ctx context.Context) (time.Time, []api.OpenOrder, error) {
	at, rows, err := a.Merchants.OpenOrders(ctx)
	open := make([]api.OpenOrder, len(rows))
	for i, row := range rows {
		open[i] = api.OpenOrder(row)
	}
	return at, open, err
}

// Token is a new token of an endpoint.
type Token struct {
	Endpoint  string     `json:"endpoint"`
	Token     string     `json:"token"` // shown once
	Hint      string     `json:"hint"`  // its last 4 characters
	ExpiresAt *time.Time `json:"expires_at"`
}

// AddToken makes a token by which an endpoint's merchant may ask the API; nil lasts for ever.
func AddToken(ctx context.Context, db *postgres.DB, endpoint string, lasts *time.Duration) (Token, error) {
	for tries := 3; ; tries-- {
		token, hash, hint := api.NewToken()
		expires, taken, err := db.AddToken(ctx, endpoint, hash, hint, lasts)
		if err == nil {
			if expires != nil {
				*expires = expires.UTC()
			}
			return Token{Endpoint: endpoint, Token: token, Hint: hint, ExpiresAt: expires}, nil
		}
		if !taken || tries == 1 {
			return Token{}, err
		}
	}
}
