package delivery

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/orderbell/orderbell/internal/outbox"
)

// encode returns the text to send, by the policy's format: as the body, or as
// more of the URL's query.
func encode(claim *outbox.Claim) (body, query string, err error) {
	format := claim.Policy.Format
	if format == outbox.FormatBody {
		return claim.Body, "", nil
	}
	members, err := form(claim.Body)
	switch {
	case err != nil:
		return "", "", fmt.Errorf("the format %s needs a JSON object as the body: %w", format, err)
	case format == outbox.FormatForm:
		return members, "", nil
	}
	return "", members, nil
}

// withQuery returns a URL with members after its own query.
func withQuery(u *url.URL, members string) *url.URL {
	longer := *u
	if u.RawQuery != "" && !strings.HasSuffix(u.RawQuery, "&") {
		longer.RawQuery += "&"
	}
	longer.RawQuery += members
	return &longer
}

// form writes a JSON object as a form: members in their order and as often as
// they come, null left out, numbers with their exact text, nested values as
// compact JSON.
func form(object string) (string, error) {
	dec := json.NewDecoder(strings.NewReader(object))
	start, err := dec.Token()
	if err != nil {
		return "", errors.New("it is no JSON")
	}
	if start != json.Delim('{') {
		return "", errors.New("it is another JSON value")
	}
	var b strings.Builder
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return "", errors.New("it is no JSON")
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return "", errors.New("it is no JSON")
		}
		text, ok := plain(value)
		if !ok {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		key, _ := name.(string)
		b.WriteString(url.QueryEscape(key) + "=" + url.QueryEscape(text))
	}
	if _, err := dec.Token(); err != nil {
		return "", errors.New("it is no JSON")
	}
	if _, err := dec.Token(); err != io.EOF {
		return "", errors.New("something follows the object")
	}
	return b.String(), nil
}

// plain is a member's value as text; false for null.
func plain(value json.RawMessage) (string, bool) {
	switch value[0] {
	case 'n':
		return "", false
	case '"':
		var s string
		if json.Unmarshal(value, &s) != nil {
			return "", false
		}
		return s, true
	case '{', '[':
		var b bytes.Buffer
		if json.Compact(&b, value) != nil {
			return "", false
		}
		return b.String(), true
	}
	return string(value), true // a number or a boolean, as it was written
}
