package chaos

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// Answer is what a merchant says, and when.
type Answer struct {
	Status int
	Body   string
	// After holds it back for so long, Until until that is closed; both: whichever
	// comes first. No answer is given to a sender that has gone away meanwhile.
	After time.Duration
	Until <-chan struct{}
	// HangsUp breaks the connection instead.
	HangsUp bool
}

// acknowledges is what the endpoints' policies ask of an answer.
func (a Answer) acknowledges() bool { return a.Status == http.StatusOK && a.Body == "success" }

// write returns when the answer is handed over to the network.
func (a Answer) write(w http.ResponseWriter) error {
	w.Header().Set("Content-Length", strconv.Itoa(len(a.Body)))
	w.WriteHeader(a.Status)
	if _, err := io.WriteString(w, a.Body); err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	if err := http.NewResponseController(w).Flush(); err != nil {
		return fmt.Errorf("send the answer: %w", err)
	}
	return nil
}

// Temper chooses the answer to a request. Several goroutines call it.
type Temper func(Request) Answer

func success() Answer { return Answer{Status: http.StatusOK, Body: "success"} }
func failure() Answer { return Answer{Status: http.StatusInternalServerError, Body: "try again"} }

// Prompt acknowledges everything at once.
func Prompt() Temper { return func(Request) Answer { return success() } }

// Failing answers 500 to everything.
func Failing() Temper { return func(Request) Answer { return failure() } }

// Stumbling answers 500 to the first k requests of each notification.
func Stumbling(k int) Temper {
	return func(r Request) Answer {
		if r.Nth <= k {
			return failure()
		}
		return success()
	}
}

// HangingUp breaks the connection of the first k requests of each notification.
func HangingUp(k int) Temper {
	return func(r Request) Answer {
		a := success()
		a.HangsUp = r.Nth <= k
		return a
	}
}

// Slow acknowledges everything after d.
func Slow(d time.Duration) Temper {
	return func(Request) Answer {
		a := success()
		a.After = d
		return a
	}
}

// Hanging is silent until that is closed, and then acknowledges everything. nil: for ever.
func Hanging(until <-chan struct{}) Temper {
	if until == nil {
		until = make(chan struct{})
	}
	return func(Request) Answer {
		a := success()
		a.Until = until
		return a
	}
}
