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
	body      string // at most the cap
	truncated bool   // more than the cap came
	at        time.Time

	// unproven is why it is not known to be the endpoint's, where that is verified. It
	// continues the words "the answer's signature".
	unproven string
	// proven is the part of the body that a signature covers, where that is verified: all
	// that the rules see.
	proven string
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
	body, err := readUpTo(r.Body, limit+1, r.ContentLength)
	if int64(len(body)) > limit {
		body, a.truncated = body[:limit], true
	}
	a.body, a.at = string(body), time.Now()
	if err != nil && !a.truncated {
		return a, err
	}
	return a, nil
}

// readUpTo reads at most limit bytes, with what came before an error. The
// announced length, where there is one, is how much room it begins with: an
// endpoint gets no more memory than a page for what it only promises.
func readUpTo(r io.Reader, limit, announced int64) ([]byte, error) {
	room := int64(512)
	if announced >= 0 {
		room = min(announced+1, 4096)
	}
	body := make([]byte, 0, min(room, limit))
	for {
		n, err := r.Read(body[len(body):min(int64(cap(body)), limit)])
		body = body[:len(body)+n]
		switch {
		case err == io.EOF || int64(len(body)) == limit:
			return body, nil
		case err != nil:
			return body, err
		case len(body) == cap(body):
			body = append(make([]byte, 0, min(2*int64(cap(body)), limit)), body...)
		}
	}
}

// fromProxy tells that a plain http proxy wants credentials, and passed nothing
// on. An endpoint's own 407 has lost this header at the proxy.
func (a answer) fromProxy() bool {
	return a.status == http.StatusProxyAuthRequired && a.header.Get("Proxy-Authenticate") != ""
}

// result has everything but the outcome and its explanation.
func (a answer) result() outbox.Result {
	return outbox.Result{
		HTTPStatus: a.status,
		Connected:  a.status != 0,
		Excerpt:    excerpt(a.body, excerptBytes),
		RetryAfter: a.retryAfter(),
	}
}
