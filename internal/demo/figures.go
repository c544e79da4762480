package demo

import "io"

// Figures are what every scene counts. Requests and acknowledgements are counted in the
// receivers' own log, orders in the shop's; of actions, the calls that the shop's own
// journal has.
type Figures struct {
	OrdersCommitted  int `json:"orders_committed"`
	OrdersRolledBack int `json:"orders_rolled_back"`
	// OrdersFailed had an error before their COMMIT was sent; OrdersUnknown had one
	// in it, and may be committed or not.
	OrdersFailed  int `json:"orders_failed"`
	OrdersUnknown int `json:"orders_unknown"`

	// Notifications are those that were committed, one or more for each order. Each is in
	// exactly one of Acknowledged, Unfinished, Exhausted (after its whole ladder),
	// Withdrawn (cancelled by the shop, or replaced by a newer one) and Lost.
	Notifications int `json:"notifications_committed"`
	Acknowledged  int `json:"notifications_acknowledged"`
	Unfinished    int `json:"unfinished"`
	Exhausted     int `json:"exhausted"`
	Withdrawn     int `json:"withdrawn"`
	Lost          int `json:"lost"`

	// Attempts are the requests received for orders of this run.
	Attempts int `json:"attempts"`
	// SentForRolledBack are the requests for what was not committed.
	SentForRolledBack int `json:"sent_for_rolled_back"`
	// Duplicates are the requests after the receiver's acknowledgement.
	Duplicates int `json:"duplicates"`
	// OtherRequests are for orders of other runs.
	OtherRequests int `json:"other_requests"`

	// The first order numbers of what is wrong, if anything is.
	LostOrders              []string `json:"lost_orders,omitempty"`
	SentForRolledBackOrders []string `json:"sent_for_rolled_back_orders,omitempty"`
}

// mostNamed bounds the order numbers in a summary.
const mostNamed = 10

// kept: nothing was lost, and nothing sent for an order that was rolled back.
func (f Figures) kept() bool { return f.Lost == 0 && f.SentForRolledBack == 0 }

func (f *Figures) add(more Figures) {
	f.OrdersCommitted += more.OrdersCommitted
	f.OrdersRolledBack += more.OrdersRolledBack
	f.OrdersFailed += more.OrdersFailed
	f.OrdersUnknown += more.OrdersUnknown
	f.Notifications += more.Notifications
	f.Acknowledged += more.Acknowledged
	f.Unfinished += more.Unfinished
	f.Exhausted += more.Exhausted
	f.Withdrawn += more.Withdrawn
	f.Lost += more.Lost
	f.Attempts += more.Attempts
	f.SentForRolledBack += more.SentForRolledBack
	f.Duplicates += more.Duplicates
	f.OtherRequests += more.OtherRequests
	f.LostOrders = firstOf(append(f.LostOrders, more.LostOrders...))
	f.SentForRolledBackOrders = firstOf(append(f.SentForRolledBackOrders, more.SentForRolledBackOrders...))
}

func firstOf(names []string) []string { return names[:min(len(names), mostNamed)] }

func summarize(orders []order, found findings) Figures {
	f := Figures{
		Acknowledged: found.acknowledged, Unfinished: found.unfinished, Exhausted: found.exhausted,
		Withdrawn: found.withdrawn, Lost: len(found.lost),
		Attempts: found.attempts, SentForRolledBack: len(found.sentForRolledBack),
		Duplicates: found.duplicates, OtherRequests: found.others,
		LostOrders: firstOf(found.lost), SentForRolledBackOrders: firstOf(found.sentForRolledBack),
	}
	for _, o := range orders {
		if o.fate == committed {
			f.Notifications++
		}
	}
	var counts [fates]int
	for about, fate := range fatesOf(orders) {
		if about.id == "" {
			counts[fate]++
		}
	}
	f.OrdersCommitted, f.OrdersRolledBack = counts[committed], counts[rolledBack]
	f.OrdersFailed, f.OrdersUnknown = counts[failed], counts[unknown]
	return f
}

// write tells of the scene notify, or shop.
func (f Figures) write(to io.Writer, scene string, perSecond float64) {
	say(to, "\n"+scene+": The shop committed %s (%.0f per second) and rolled back %d after the notification was written.\n",
		counted(f.OrdersCommitted, "order", "orders"), perSecond, f.OrdersRolledBack)
	if f.OrdersFailed+f.OrdersUnknown > 0 {
		say(to, "%d more failed, and of %d nobody knows whether they were committed.\n", f.OrdersFailed, f.OrdersUnknown)
	}
	say(to, "Of the committed ones, merchants acknowledged %d, %s whole ladder of %d attempts without success, and %s unfinished at the end.\n",
		f.Acknowledged, counted(f.Exhausted, "had its", "had their"), policyLadder().Attempts(), counted(f.Unfinished, "was", "were"))
	say(to, "The merchants received %s, %d of them after their own acknowledgement (duplicates).\n",
		counted(f.Attempts, "request", "requests"), f.Duplicates)
}
