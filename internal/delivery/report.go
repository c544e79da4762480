package delivery

import (
	"fmt"
	"strings"
	"time"
)

// Finding is what a check of a probe came to.
type Finding string

// The findings. A probe has passed if no check failed.
const (
	Passed  Finding = "passed"
	Failed  Finding = "failed"
	Warned  Finding = "warned"  // it works, and should not stay so; or it could not be told
	Skipped Finding = "skipped" // it was not made, or proves nothing
)

// Report is what a probe found. A person may forward it to the merchant: it has no
// secret, nothing of the URL's query, and no address but the URL's.
type Report struct {
	Endpoint  string    `json:"endpoint"`
	URL       string    `json:"url"` // without query and user info
	Policy    string    `json:"policy"`
	Signature string    `json:"signature"`
	At        time.Time `json:"at"` // by the database's clock
	Program   string    `json:"program"`
	Passed    bool      `json:"passed"` // no check failed
	Checks    []Check   `json:"checks"`
	// Aside is what the sender alone should know: faults on its side, in its own words.
	Aside []string `json:"-"`
}

// Check is one check of a probe.
type Check struct {
	Name    string  `json:"name"`
	Finding Finding `json:"finding"`
	// Asked is what was sent and what was wanted; empty where nothing was sent.
	Asked string `json:"asked,omitempty"`
	// What came back. HTTPStatus is 0 where no status line came.
	HTTPStatus int     `json:"http_status,omitempty"`
	Excerpt    string  `json:"response_excerpt,omitempty"`
	DurationMs float64 `json:"duration_ms,omitempty"`
	// Says is what was found, and Mend what to do about it, in words.
	Says string `json:"says"`
	Mend string `json:"mend,omitempty"`
}

// Failures are the names of the checks that failed.
func (r Report) Failures() []string {
	var names []string
	for _, c := range r.Checks {
		if c.Finding == Failed {
			names = append(names, c.Name)
		}
	}
	return names
}

// Text is the report for people.
func (r Report) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Probe of endpoint %s: %s\n", clip(r.Endpoint), clip(r.URL))
	fmt.Fprintf(&b, "%s, %s, policy %s, signature %s\n", r.At.UTC().Format("2006-01-02 15:04:05 MST"), r.Program, clip(r.Policy), clip(r.Signature))
	b.WriteString("Every request has the header Orderbell-Probe: 1 and is about no order.\n")
	for _, c := range r.Checks {
		fmt.Fprintf(&b, "\n%-8s %-12s %s\n", c.Finding, c.Name, c.Says)
		for _, line := range []struct{ name, text string }{{"asked", c.Asked}, {"came", c.cameBack()}, {"to mend", c.Mend}} {
			if line.text != "" {
				fmt.Fprintf(&b, "%-8s %-12s %s\n", "", line.name+":", line.text)
			}
		}
	}
	fmt.Fprintf(&b, "\n%s\n", r.verdict())
	return b.String()
}

func (r Report) verdict() string {
	failures := r.Failures()
	if len(failures) == 0 {
		return "The endpoint is ready: no check failed."
	}
	return "The endpoint is not ready. To mend: " + strings.Join(failures, ", ") + "."
}

// cameBack is the answer on one line.
func (c Check) cameBack() string {
	switch {
	case c.Asked == "":
		return ""
	case c.HTTPStatus == 0:
		return fmt.Sprintf("no answer within %.0f ms", c.DurationMs)
	}
	return fmt.Sprintf("status %d with %s after %.0f ms", c.HTTPStatus, quoted(c.Excerpt), c.DurationMs)
}

func quoted(excerpt string) string {
	if excerpt == "" {
		return "an empty body"
	}
	return fmt.Sprintf("%q", excerpt)
}
