package api

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"
)

// refusal is why a request is not answered, in words for the merchant.
type refusal struct {
	status int
	text   string
	wait   time.Duration // until it may be asked again; 0: not said
}

func (r *refusal) Error() string { return r.text }

var (
	errUnauthorized = &refusal{status: http.StatusUnauthorized, text: "send Authorization: Bearer TOKEN, with a token that is good"}
	errNothingHere  = &refusal{status: http.StatusNotFound, text: "there is nothing here; there are /v1/orders/ORDER_NO and /v1/notifications"}
	errNoOrder      = &refusal{status: http.StatusNotFound, text: "no notification of this order"}
	errMethod       = &refusal{status: http.StatusMethodNotAllowed, text: "only GET and HEAD are answered"}
	errBusy         = &refusal{status: http.StatusServiceUnavailable, text: "too much is asked at the moment; ask again", wait: time.Second}
	errAway         = &refusal{status: http.StatusServiceUnavailable, text: "the database cannot be asked at the moment; ask again", wait: 5 * time.Second}
	errOurs         = &refusal{status: http.StatusInternalServerError, text: "this could not be answered, for a reason on our side"}
)

func tooOften(wait time.Duration) error {
	return &refusal{status: http.StatusTooManyRequests, text: "too many requests; ask again later", wait: wait}
}

func badRequest(text string) error { return &refusal{status: http.StatusBadRequest, text: text} }

// refusalOf says what a merchant is told of an error, and whether it is one of ours to log.
func refusalOf(err error) (told *refusal, ours bool) {
	var away interface{ Away() bool }
	switch {
	case errors.As(err, &told):
		return told, false
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &away) && away.Away():
		return errAway, true
	}
	return errOurs, true
}

func (r *refusal) write(w http.ResponseWriter) {
	header := w.Header()
	switch r.status {
	case http.StatusUnauthorized:
		header.Set("WWW-Authenticate", `Bearer realm="orderbell"`)
	case http.StatusMethodNotAllowed:
		header.Set("Allow", "GET, HEAD")
	}
	if r.wait > 0 {
		header.Set("Retry-After", strconv.Itoa(int(math.Ceil(r.wait.Seconds()))))
	}
	writeJSON(w, r.status, struct {
		Error string `json:"error"`
	}{r.text})
}

// writeJSON writes an answer whole, so that none is cut short without a sign.
func writeJSON(w http.ResponseWriter, status int, answer any) {
	text, err := json.Marshal(answer)
	if err != nil { // there is nothing in an answer that JSON could not say
		status, text = errOurs.status, []byte(`{"error":"`+errOurs.text+`"}`)
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = w.Write(text) // who has gone will ask again
}
