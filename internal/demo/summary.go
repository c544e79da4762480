package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"time"
)

// Summary is what came of the scenes that were played. Its figures are over all of them.
type Summary struct {
	Scene string `json:"scene"`
	// Run begins every order number of this run.
	Run     string  `json:"run"`
	Seconds float64 `json:"seconds"`
	// OrdersPerSecond counts the committed ones, while the shop was open.
	OrdersPerSecond float64 `json:"orders_per_second"`
	Figures
	// Scenes has those that were played; none for the scene "shop".
	Scenes Scenes `json:"scenes,omitzero"`
}

// Scenes are the scenes' own figures; nil for those that were not played.
type Scenes struct {
	Notify   *NotifySummary   `json:"notify,omitempty"`
	Push     *PushSummary     `json:"push,omitempty"`
	Question *QuestionSummary `json:"question,omitempty"`
	Close    *CloseSummary    `json:"close,omitempty"`
	Scan     *ScanSummary     `json:"scan,omitempty"`
}

// OK reports whether every promise was kept: nothing lost, nothing sent for an order that
// was rolled back, and what each scene promises.
func (s Summary) OK() bool {
	of := s.Scenes
	return s.kept() && (of.Notify == nil || of.Notify.OK) && (of.Push == nil || of.Push.OK) &&
		(of.Question == nil || of.Question.OK) && (of.Close == nil || of.Close.OK) &&
		(of.Scan == nil || of.Scan.OK)
}

func (s *Summary) time(sold, all time.Duration) {
	s.Seconds = math.Round(all.Seconds()*10) / 10
	s.OrdersPerSecond = perSecond(s.OrdersCommitted, sold)
}

func perSecond(n int, in time.Duration) float64 {
	if in <= 0 {
		return 0
	}
	return math.Round(float64(n)/in.Seconds()*10) / 10
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
	of := s.Scenes
	switch {
	case s.Scene == sceneShop:
		s.Figures.write(to, sceneShop, s.OrdersPerSecond)
		if s.Attempts == 0 && s.OrdersCommitted > 0 {
			say(to, "Nothing arrived: does a worker run on this database, and may it send to 127.0.0.1 (network.allow)?\n")
		}
		if s.Unfinished > 0 {
			say(to, "The merchants have closed: what is unfinished will be tried in vain until its ladder has ended.\n")
		}
	case of.Notify != nil:
		of.Notify.write(to, sceneNotify, of.Notify.OrdersPerSecond)
	}
	if of.Push != nil {
		of.Push.write(to)
	}
	if of.Question != nil {
		of.Question.write(to)
	}
	if of.Close != nil {
		of.Close.write(to)
	}
	if of.Scan != nil {
		of.Scan.write(to)
	}
	if s.OtherRequests > 0 {
		say(to, "%s of other runs.\n", counted(s.OtherRequests, "more request was for an order", "more requests were for orders"))
	}
	if s.Scene == sceneAll {
		say(to, "\nOver all scenes: %s, %s, %s.\n", counted(s.OrdersCommitted, "order", "orders"),
			counted(s.Notifications, "notification", "notifications"), counted(s.Attempts, "attempt", "attempts"))
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
