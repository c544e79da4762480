package sign

import (
	"fmt"
	"net/url"
	"time"

	"github.com/orderbell/orderbell/internal/outbox"
)

// china is what Alipay and WeChat Pay write times in. It has had no summer time since
// 1991, and so needs no table of zones.
var china = time.FixedZone("CST", 8*60*60)

// Message is one attempt's request before it is signed.
type Message struct {
	ID      string    // the notification's, as PostgreSQL writes it: the same in every attempt
	Event   string    // what it is about
	Created time.Time // the notification's; the same in every attempt
	At      time.Time // this attempt's, by the database's clock

	Method, Format string // the policy's
	Body           string // what the format made of the notification's body
	// URL is where it goes, the query included. It is only looked at.
	URL *url.URL
}

// Signed is what a request carries. Headers replace any others of their names.
type Signed struct {
	Body string
	// ContentType is what the body now is, whatever it was before; empty: what it was.
	ContentType string
	Headers     []Header
}

// Header is one header, its name in canonical letters.
type Header struct {
	Name, Value string
}

// wants refuses another method or format than a scheme was made for.
func wants(scheme, httpMethod, format, wantedFormat string) error {
	if httpMethod != outbox.MethodPost || format != wantedFormat {
		return fmt.Errorf("%s needs the method %s and the format %s, and the policy has %s and %s",
			scheme, outbox.MethodPost, wantedFormat, httpMethod, format)
	}
	return nil
}

// wantsBody refuses the format whose requests have nothing in their body.
func wantsBody(scheme, format string) error {
	if format == outbox.FormatQuery {
		return fmt.Errorf("%s signs the body alone, and with the format %s everything is in the URL", scheme, format)
	}
	return nil
}
