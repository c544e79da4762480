package delivery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/orderbell/orderbell/internal/outbox"
)

// request makes the request of a claim, or of a batch of this many, and says who signed
// it: nil for nobody. An error says why this row can never be sent; it names no secret.
func (c *Courier) request(ctx context.Context, claim *outbox.Claim, batch int, x *exchange) (*http.Request, *signer, error) {
	u, err := c.targets.of(claim)
	if err != nil {
		return nil, nil, err
	}
	body, query, err := encode(claim)
	if err != nil {
		return nil, nil, err
	}
	if query != "" {
		u = withQuery(u, query)
	}
	signed, by, err := c.signers.sign(claim, u, body)
	if err == nil {
		signed, err = x.change(signed)
	}
	if err != nil {
		return nil, nil, err
	}
	body = signed.Body
	header, err := c.header(claim, u.User, &signed, batch)
	if err != nil {
		return nil, nil, err
	}
	r := (&http.Request{
		Method:        claim.Policy.Method,
		URL:           u,
		Host:          u.Host,
		Header:        header,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Body:          io.NopCloser(strings.NewReader(body)),
		ContentLength: int64(len(body)),
	}).WithContext(ctx)
	if body == "" {
		// See the package documentation, "Exactly one request".
		r.TransferEncoding = []string{"identity"}
		if r.Method == http.MethodPost {
			r.Header["content-length"] = []string{"0"} //nolint:canonicalheader // the canonical key would be dropped
		}
	}
	return r, by, nil
}

// target reads a URL. Errors of url.Parse are not passed on, since they repeat
// the URL with its user info and its query.
func target(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("the URL cannot be read")
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("the URL's scheme %q is neither https nor http", u.Scheme)
	}
	if u.Hostname() == "" || u.Opaque != "" {
		return nil, errors.New("the URL has no host")
	}
	u.RawQuery = escapeQuery(u.RawQuery)
	u.RawPath = escapePath(u.RawPath)
	return u, nil
}

// escapeQuery leaves a query as it is, but for bytes that a request line cannot
// carry.
func escapeQuery(q string) string { return escape(q, func(b byte) bool { return b > ' ' && b < 0x7f }) }

// escapePath does the same for a path that has escapes of its own, such as %2F.
// Where url.URL finds a byte in it that it would encode, it encodes the path
// anew from its decoded form, and that sends %2F as a slash.
func escapePath(p string) string {
	return escape(p, func(b byte) bool { return b > ' ' && b < 0x7f && !strings.ContainsRune("\"<>\\^`{|}", rune(b)) })
}

// escape percent-encodes the bytes that are not kept; most texts have none.
func escape(s string, keep func(byte) bool) string {
	clean := 0
	for clean < len(s) && keep(s[clean]) {
		clean++
	}
	if clean == len(s) {
		return s
	}
	var b strings.Builder
	b.WriteString(s[:clean])
	for i := clean; i < len(s); i++ {
		if keep(s[i]) {
			b.WriteByte(s[i])
		} else {
			fmt.Fprintf(&b, "%%%02X", s[i])
		}
	}
	return b.String()
}
