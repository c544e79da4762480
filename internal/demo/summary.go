package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"time"
)

// Summary is what came of a scene. Requests and acknowledgements are counted in
// the merchants' own log, orders in the shop's.
type Summary struct {
	Scene string `json:"scene,omitempty"`
	// Run begins every order number of this run.
	Run     string  `json:"run"`
	Seconds float64 `json:"seconds"`

	OrdersCommitted  int `json:"orders_committed"`
	OrdersRolledBack int `json:"orders_rolled_back"`
	// OrdersFailed had an error before their COMMIT was sent; OrdersUnknown had one
	// in it, and may be committed or not.
	OrdersFailed  int `json:"orders_failed"`
	OrdersUnknown int `json:"orders_unknown"`
	// OrdersPerSecond counts the committed ones, while the shop was open.
	OrdersPerSecond float64 `json:"orders_per_second"`

	// Each committed order's notification is in exactly one of Acknowledged,
	// Unfinished, Exhausted (after its whole ladder) and Lost.
	Acknowledged int `json:"notifications_acknowledged"`
	Unfinished   int `json:"unfinished"`
	Exhausted    int `json:"exhausted"`
	Lost         int `json:"lost"`

	// Attempts are the requests received for orders of this run.
	Attempts int `json:"attempts"`
	// SentForRolledBack are the requests for orders that were not committed.
	SentForRolledBack int `json:"sent_for_rolled_back"`
	// Duplicates are the requests after the merchant's acknowledgement.
	Duplicates int `json:"duplicates"`
	// OtherRequests are for orders of other runs.
	OtherRequests int `json:"other_requests"`

	// The first order numbers of what is wrong, if anything is.
	LostOrders              []string `json:"lost_orders,omitempty"`
	SentForRolledBackOrders []string `json:"sent_for_rolled_back_orders,omitempty"`
}

// mostNamed bounds the order numbers in a summary.
const mostNamed = 10

// OK reports whether the promises were kept: nothing lost, and nothing sent for
// an order that was rolled back.
func (s Summary) OK() bool { return s.Lost == 0 && s.SentForRolledBack == 0 }

func summarize(orders []order, f findings) Summary {
	var counts [fates]int
	for _, o := range orders {
		counts[o.fate]++
	}
	return Summary{
		OrdersCommitted: counts[committed], OrdersRolledBack: counts[rolledBack],
		OrdersFailed: counts[failed], OrdersUnknown: counts[unknown],
		Acknowledged: f.acknowledged, Unfinished: f.unfinished, Exhausted: f.exhausted, Lost: len(f.lost),
		Attempts: f.attempts, SentForRolledBack: len(f.sentForRolledBack),
		Duplicates: f.duplicates, OtherRequests: f.others,
		LostOrders:              f.lost[:min(len(f.lost), mostNamed)],
		SentForRolledBackOrders: f.sentForRolledBack[:min(len(f.sentForRolledBack), mostNamed)],
	}
}

func (s *Summary) time(sold, all time.Duration) {
	s.Seconds = math.Round(all.Seconds()*10) / 10
	if sold > 0 {
		s.OrdersPerSecond = math.Round(float64(s.OrdersCommitted)/sold.Seconds()*10) / 10
	}
}

// report writes the end: one object, or sentences.
func report(o Options, s Summary, e example) error {
	var text strings.Builder
	if o.JSON {
		encoder := json.NewEncoder(&text)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(s); err != nil {
			return fmt.Errorf("write the summary: %w", err)
		}
	} else {
		s.write(&text)
		e.write(&text, o.Scene != sceneShop)
	}
	if _, err := io.WriteString(o.Out, text.String()); err != nil {
		return fmt.Errorf("write the summary: %w", err)
	}
	return nil
}

func (s Summary) write(to io.Writer) {
	say(to, "\nThe shop committed %s (%.0f per second) and rolled back %d after the notification was written.\n",
		counted(s.OrdersCommitted, "order", "orders"), s.OrdersPerSecond, s.OrdersRolledBack)
	if s.OrdersFailed+s.OrdersUnknown > 0 {
		say(to, "%d more failed, and of %d nobody knows whether they were committed.\n", s.OrdersFailed, s.OrdersUnknown)
	}
	say(to, "Of the committed ones, merchants acknowledged %d, %s whole ladder of %d attempts without success, and %s unfinished at the end.\n",
		s.Acknowledged, counted(s.Exhausted, "had its", "had their"), policyLadder().Attempts(), counted(s.Unfinished, "was", "were"))
	say(to, "The merchants received %s, %d of them after their own acknowledgement (duplicates).\n",
		counted(s.Attempts, "request", "requests"), s.Duplicates)
	if s.Attempts == 0 && s.OrdersCommitted > 0 {
		say(to, "Nothing arrived: does a worker run on this database, and may it send to 127.0.0.1 (network.allow)?\n")
	}
	if s.Scene == sceneShop && s.Unfinished > 0 {
		say(to, "The merchants have closed: what is unfinished will be tried in vain until its ladder has ended.\n")
	}
	if s.OtherRequests > 0 {
		say(to, "%s of other runs.\n", counted(s.OtherRequests, "more request was for an order", "more requests were for orders"))
	}
	say(to, "Lost: %d%s. Sent for an order that was rolled back: %d%s.\n",
		s.Lost, named(s.LostOrders), s.SentForRolledBack, named(s.SentForRolledBackOrders))
}

func named(orders []string) string {
	if len(orders) == 0 {
		return ""
	}
	return " (" + strings.Join(orders, ", ") + ")"
}
