package delivery

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/orderbell/orderbell/internal/outbox"
)

// reserved are headers that no endpoint sets: they frame the message, belong to
// the connection, or are ours.
var reserved = []string{
	"Host", "User-Agent", "Content-Length", "Transfer-Encoding", "Trailer", "Te",
	"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "Upgrade", "Expect",
}

// contentTypes are the formats' defaults; query has none, its body is empty.
var contentTypes = map[string]string{
	outbox.FormatBody: "application/json",
	outbox.FormatForm: "application/x-www-form-urlencoded; charset=utf-8",
}

func (c *Courier) header(claim *outbox.Claim, user *url.Userinfo) (http.Header, error) {
	h := http.Header{}
	for _, name := range slices.Sorted(maps.Keys(claim.Headers)) {
		value := claim.Headers[name]
		if err := checkHeader(name, value); err != nil {
			return nil, err
		}
		if !isReserved(name) {
			h.Set(name, value)
		}
	}
	if err := checkHeader("Content-Type", claim.ContentType); err != nil {
		return nil, err
	}
	if claim.ContentType != "" {
		h.Set("Content-Type", claim.ContentType)
	} else if t := contentTypes[claim.Policy.Format]; t != "" && h.Get("Content-Type") == "" {
		h.Set("Content-Type", t)
	}
	if user != nil && h.Get("Authorization") == "" {
		password, _ := user.Password()
		h.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)))
	}
	h.Set("User-Agent", c.agent)
	h.Set("Orderbell-Notification-Id", outbox.FormatID(claim.ID))
	h.Set("Orderbell-Attempt", strconv.Itoa(claim.Attempt))
	h.Set("Orderbell-Event", escape(claim.Event, func(b byte) bool { return b > ' ' && b < 0x7f && b != '%' }))
	return h, nil
}

func isReserved(name string) bool {
	name = http.CanonicalHeaderKey(name)
	return strings.HasPrefix(name, "Orderbell-") || slices.Contains(reserved, name)
}

// checkHeader finds what HTTP cannot carry. It never shows the value, which may
// be a secret.
func checkHeader(name, value string) error {
	const token = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" //nolint:gosec // the characters of a token
	if name == "" || strings.Trim(name, token) != "" {
		return fmt.Errorf("%q is no name of a header", name)
	}
	for i := range len(value) {
		if b := value[i]; b < ' ' && b != '\t' || b == 0x7f {
			return fmt.Errorf("the value of the header %s has a control character", name)
		}
	}
	return nil
}
