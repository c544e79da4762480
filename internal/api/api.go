package api

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/orderbell/orderbell/internal/outbox"
)

const (
	// patience bounds the work on one request, all of its statements together.
	patience = 8 * time.Second

	defaultLimit, mostLimit = 100, 500 // notifications on a page

	// standstill is how far behind the horizon a cursor may stay that has come to the end:
	// further back lie only days that each page would look into for nothing.
	standstill = 24 * time.Hour
)

// API answers merchants. It is an [http.Handler].
type API struct {
	db      Database
	log     *slog.Logger
	horizon *horizon
	tokens  *limits[tokenHash]
	failed  *limits[netip.Prefix]
	asking  *places[tokenHash]
	answers chan struct{} // has room for those that may be in memory

	mu   sync.Mutex
	said string // what was logged last, until a request is answered
}

// New returns the API on a database.
func New(db Database, log *slog.Logger) *API {
	return &API{
		db: db, log: log, horizon: newHorizon(db, log),
		tokens: newLimits[tokenHash](perToken, tokenBurst), failed: newLimits[netip.Prefix](perAddress, addressBurst),
		asking: &places[tokenHash]{most: mostOfToken, busy: make(map[tokenHash]int)}, answers: make(chan struct{}, mostAnswers),
	}
}

// ServeHTTP answers one request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	// A merchant that goes away in the middle must not cost a connection to the database.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), patience)
	defer cancel()
	err := a.serve(ctx, w, r)
	if err == nil {
		a.note("")
		return
	}
	told, ours := refusalOf(err)
	if ours {
		a.note(err.Error())
	}
	told.write(w)
}

// note logs why merchants get no answer, once until it changes.
func (a *API) note(text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if text != "" && text != a.said {
		a.log.Error("a merchant's question could not be answered", "error", text)
	}
	a.said = text
}

// serve answers, or returns why not.
func (a *API) serve(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
	answer, err := a.route(r)
	if err != nil {
		return err
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return errMethod
	}
	endpoint, hash, err := a.authenticate(ctx, r)
	if err != nil {
		return err
	}
	if wait := a.tokens.take(hash); wait > 0 {
		return tooOften(wait)
	}
	if !a.asking.enter(hash) {
		return tooOften(time.Second)
	}
	defer a.asking.leave(hash)
	select {
	case a.answers <- struct{}{}:
		defer func() { <-a.answers }()
	case <-ctx.Done():
		return errBusy
	}
	found, err := answer(ctx, endpoint)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, found)
	return nil
}

// authenticate returns the endpoint that the request's token is good for. Where an address
// has failed too often, only tokens that were good a moment ago are looked up: who guesses
// behind a proxy does not lock out others who come from there.
func (a *API) authenticate(ctx context.Context, r *http.Request) (endpoint string, hash tokenHash, err error) {
	from := remote(r)
	token, given := bearer(r)
	hash = hashOf(token)
	if wait := a.failed.spent(from); wait > 0 && !a.tokens.known(hash) {
		return "", hash, tooOften(wait)
	}
	if token != "" {
		if endpoint, err = a.db.TokenEndpoint(ctx, hash[:]); err != nil {
			return "", hash, err
		}
	}
	if endpoint == "" {
		if given {
			a.failed.take(from)
		}
		return "", hash, errUnauthorized
	}
	return endpoint, hash, nil
}

// answering looks up an answer about one endpoint.
type answering func(ctx context.Context, endpoint string) (any, error)

// route finds what is asked. Paths are taken as they were sent: an order's number may have
// any character in it, if it is escaped.
func (a *API) route(r *http.Request) (answering, error) {
	path := r.URL.EscapedPath()
	if path == "/v1/notifications" {
		return func(ctx context.Context, endpoint string) (any, error) { return a.page(ctx, endpoint, r.URL.RawQuery) }, nil
	}
	escaped, ok := strings.CutPrefix(path, "/v1/orders/")
	if !ok || escaped == "" || strings.Contains(escaped, "/") {
		return nil, errNothingHere
	}
	orderNo, err := url.PathUnescape(escaped)
	if err != nil {
		return nil, errNothingHere
	}
	return func(ctx context.Context, endpoint string) (any, error) { return a.order(ctx, endpoint, orderNo) }, nil
}

// order answers for one order. One of another endpoint is unknown like any other.
func (a *API) order(ctx context.Context, endpoint, orderNo string) (any, error) {
	if !utf8.ValidString(orderNo) || strings.ContainsRune(orderNo, 0) { // no text in PostgreSQL
		return nil, errNoOrder
	}
	found, err := a.db.Order(ctx, endpoint, orderNo)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, errNoOrder
	}
	for i := range found {
		found[i].toMerchant()
		for j := range found[i].Attempts {
			found[i].Attempts[j].toMerchant()
		}
	}
	return listed{orderNo, found}, nil
}

// page answers who pulls.
func (a *API) page(ctx context.Context, endpoint, query string) (any, error) {
	after, limit, err := readPage(endpoint, query)
	if err != nil {
		return nil, err
	}
	until, err := a.horizon.read(ctx) // before the page
	if err != nil {
		return nil, err
	}
	page, more, err := a.db.Page(ctx, endpoint, after, firstOf(until), limit)
	if err != nil {
		return nil, err
	}
	for i := range page {
		page[i].toMerchant()
	}
	last := after
	if len(page) > 0 {
		if last, err = parseID(page[len(page)-1].ID); err != nil {
			return nil, err
		}
	}
	if floor := firstOf(until.Add(-standstill)); !more && string(last[:]) < string(floor[:]) {
		last = floor
	}
	return pulled{append([]Message{}, page...), cursorOf(endpoint, last), more, until.UTC()}, nil
}

// readPage reads what page is wanted. What is not known is refused, since a slip in after
// would begin again from the beginning.
func readPage(endpoint, query string) (after outbox.ID, limit int, err error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return after, 0, badRequest("the query is malformed")
	}
	limit = defaultLimit
	for name, given := range values {
		switch {
		case name != "after" && name != "limit":
			return after, 0, badRequest("the query may have after and limit alone")
		case len(given) != 1:
			return after, 0, badRequest(name + " is given more than once")
		case name == "after":
			if after, err = readCursor(endpoint, given[0]); err != nil {
				return after, 0, badRequest(err.Error())
			}
		default:
			if limit, err = strconv.Atoi(given[0]); err != nil || limit < 1 || limit > mostLimit {
				return after, 0, badRequest("limit is no whole number from 1 to 500")
			}
		}
	}
	return after, limit, nil
}
