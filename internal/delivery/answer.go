package delivery

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

// answer is what came back, as far as it was read.
type answer struct {
	status    int // 0 where no status line came
	header    http.Header
	body      []byte // at most the cap
	truncated bool   // more than the cap came
	at        time.Time
}

// read takes an answer off the wire, up to limit bytes of body. It always closes
// the body; what was read to its end leaves a connection that can be used again.
// With an error the answer holds what came before it.
func read(r *http.Response, limit int64) (answer, error) {
	defer r.Body.Close()
	if r.StatusCode < http.StatusContinue {
		// Go takes any three bytes that read as a number: 000, 099, +12.
		code, _, _ := strings.Cut(r.Status, " ")
		return answer{}, fmt.Errorf("malformed HTTP status code %q", code)
	}
	a := answer{status: r.StatusCode, header: r.Header}
	if r.StatusCode == http.StatusSwitchingProtocols {
		// We asked for no other protocol; what follows is no HTTP body.
		return a, nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if int64(len(body)) > limit {
		body, a.truncated = body[:limit], true
	}
	a.body, a.at = body, time.Now()
	if err != nil && !a.truncated {
		return a, err
	}
	return a, nil
}

// result has everything but the outcome and its explanation.
func (a answer) result() outbox.Result {
	return outbox.Result{
		HTTPStatus: a.status,
		Excerpt:    excerpt(a.body, excerptBytes),
		RetryAfter: a.retryAfter(),
	}
}
