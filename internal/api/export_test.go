package api

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

// What tests see of the inside.
var (
	CursorOf   = cursorOf
	ReadCursor = readCursor
	FirstOf    = firstOf
)

// Limits.
const (
	HeaderTimeout = headerTimeout
	MostKeys      = mostKeys
	Margin        = margin
)

// Horizons reads one horizon after the other.
func Horizons(db Database, log *slog.Logger) func(context.Context) (time.Time, error) {
	return newHorizon(db, log).read
}

// ToMerchant takes out what concerns the sender alone.
func (n *Notification) ToMerchant() { n.toMerchant() }

// ToMerchant does the same.
func (a *Attempt) ToMerchant() { a.toMerchant() }

// Limits of failures of an address.
func NewLimits(perSecond float64, burst int) *limits[netip.Prefix] {
	return newLimits[netip.Prefix](perSecond, burst)
}

// Take counts one.
func (l *limits[K]) Take(key K) time.Duration { return l.take(key) }

// Spent says how long to wait.
func (l *limits[K]) Spent(key K) time.Duration { return l.spent(key) }

// Keys says how many are remembered.
func (l *limits[K]) Keys() int { return len(l.of) }

// NoDatabase answers nothing.
type NoDatabase struct{}

// TokenEndpoint knows none.
func (NoDatabase) TokenEndpoint(context.Context, []byte) (string, error) { return "", nil }

// Order knows none.
func (NoDatabase) Order(context.Context, string, string) ([]Order, error) { return nil, nil }

// Page is empty.
func (NoDatabase) Page(context.Context, string, outbox.ID, outbox.ID, int) ([]Message, bool, error) {
	return nil, false, nil
}

// OpenOrders are none.
func (NoDatabase) OpenOrders(context.Context) (time.Time, []OpenOrder, error) {
	return time.Now(), nil, nil
}
