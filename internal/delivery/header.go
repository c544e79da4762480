package delivery

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/orderbell/orderbell/internal/delivery/sign"
	"github.com/orderbell/orderbell/internal/outbox"
)

// reserved are headers that no endpoint sets: they frame the message, belong to
// the connection, or are ours.
var reserved = []string{
	"Host", "User-Agent", "Content-Length", "Transfer-Encoding", "Trailer", "Te",
	"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "Upgrade", "Expect",
}

// contentType is a format's default; query has none, its body is empty.
func contentType(format string) string {
	switch format {
	case outbox.FormatBody:
		return "application/json"
	case outbox.FormatForm:
		return "application/x-www-form-urlencoded; charset=utf-8"
	}
	return ""
}

// ours is how many headers a request has beside its endpoint's, at most: the seven
// below, and one for the user info or an empty body's length.
const ours = 8

// headers is an http.Header whose values lie side by side in one allocation.
type headers struct {
	http.Header
	values []string
}

func newHeaders(n int) *headers {
	return &headers{make(http.Header, n), make([]string, 0, n)}
}

// set takes a canonical name.
func (h *headers) set(name, value string) {
	h.values = append(h.values, value)
	last := len(h.values) - 1
	h.Header[name] = h.values[last : last+1 : last+1]
}

// header makes the headers of a claim; a batch of some tells of them in its body.
func (c *Courier) header(claim *outbox.Claim, user *url.Userinfo, signed *sign.Signed, batch int) (http.Header, error) {
	h := newHeaders(len(claim.Headers) + ours + len(signed.Headers))
	if err := h.setEndpoints(claim.Headers); err != nil {
		return nil, err
	}
	if err := checkValue("Content-Type", claim.ContentType); err != nil {
		return nil, err
	}
	if t := cmp.Or(signed.ContentType, claim.ContentType); t != "" {
		h.set("Content-Type", t)
	} else if t := contentType(claim.Policy.Format); t != "" && h.Get("Content-Type") == "" {
		h.set("Content-Type", t)
	}
	if user != nil && h.Get("Authorization") == "" {
		password, _ := user.Password()
		h.set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)))
	}
	h.set("User-Agent", c.agent)
	if batch > 0 {
		h.set("Orderbell-Batch", strconv.Itoa(batch))
	}
	if batch == 0 || claim.Probe {
		h.set("Orderbell-Notification-Id", outbox.FormatID(claim.ID))
		h.set("Orderbell-Attempt", strconv.Itoa(claim.Attempt))
		h.set("Orderbell-Event", escape(claim.Event, func(b byte) bool { return b > ' ' && b < 0x7f && b != '%' }))
	}
	if claim.Probe {
		h.set("Orderbell-Probe", "1")
	}
	for _, s := range signed.Headers {
		h.set(s.Name, s.Value)
	}
	return h.Header, nil
}

// setEndpoints sets the endpoint's headers but for the reserved ones, in the order
// of their names, so that the same one wins or fails every time.
func (h *headers) setEndpoints(all map[string]string) error {
	if len(all) == 0 {
		return nil
	}
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if !isToken(name) {
			return fmt.Errorf("%q is no name of a header", name)
		}
		if err := checkValue(name, all[name]); err != nil {
			return err
		}
		if canonical := http.CanonicalHeaderKey(name); !isReserved(canonical) {
			h.set(canonical, all[name])
		}
	}
	return nil
}

func isReserved(canonical string) bool {
	return strings.HasPrefix(canonical, "Orderbell-") || slices.Contains(reserved, canonical)
}

// isToken says whether HTTP can carry a text as a header's name.
func isToken(name string) bool {
	const token = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" //nolint:gosec // the characters of a token
	for i := range len(name) {
		if strings.IndexByte(token, name[i]) < 0 {
			return false
		}
	}
	return name != ""
}

// checkValue finds what HTTP cannot carry. It never shows the value, which may be
// a secret.
func checkValue(name, value string) error {
	for i := range len(value) {
		if b := value[i]; b < ' ' && b != '\t' || b == 0x7f {
			return fmt.Errorf("the value of the header %s has a control character", name)
		}
	}
	return nil
}
