package merchanttest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"time"
)

// Request is one request as the merchant received it.
type Request struct {
	Method string
	URL    string // path and query, as on the request line
	Path   string
	Host   string
	Header http.Header
	Body   string
	At     time.Time // when it had been read

	NotificationID string // Orderbell-Notification-Id
	Attempt        int    // Orderbell-Attempt; 0 if absent or no number
	Event          string // Orderbell-Event, as sent
	OrderNo        string // see Merchant.Script
}

func record(r *http.Request, body string) Request {
	attempt, _ := strconv.Atoi(r.Header.Get("Orderbell-Attempt"))
	return Request{
		Method:         r.Method,
		URL:            r.RequestURI,
		Path:           r.URL.Path,
		Host:           r.Host,
		Header:         r.Header.Clone(),
		Body:           body,
		At:             time.Now(),
		NotificationID: r.Header.Get("Orderbell-Notification-Id"),
		Attempt:        attempt,
		Event:          r.Header.Get("Orderbell-Event"),
		OrderNo:        order(r.URL, body),
	}
}

// order finds the order's number: order_no or out_trade_no in a JSON body, a form
// or the query, else the last segment of the path.
func order(u *url.URL, body string) string {
	var members map[string]any
	_ = json.Unmarshal([]byte(body), &members)
	form, _ := url.ParseQuery(body)
	for _, name := range []string{"order_no", "out_trade_no"} {
		if s, ok := members[name].(string); ok && s != "" {
			return s
		}
		if s := form.Get(name); s != "" {
			return s
		}
		if s := u.Query().Get(name); s != "" {
			return s
		}
	}
	return path.Base(u.Path)
}
