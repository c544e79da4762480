package demo

import (
	"strings"
	"sync"
	"time"
)

// fate is what became of an order, as far as the shop knows.
type fate uint8

const (
	committed  fate = iota
	rolledBack      // by the shop, after its notification was written
	failed          // an error came before COMMIT was sent: not committed
	unknown         // COMMIT was sent, and its answer did not come
	fates           // how many there are
)

// order is a line of the shop's log: an order's notification, of which it may have several.
type order struct {
	no string
	id string // its notification's; empty where it failed before
	// merchant is the index of the temper that it is for.
	merchant int
	fate     fate
	event    string
	// held: it must not be sent before the order was released.
	held bool
	// withdrawn: the shop has cancelled it, or has replaced it by a newer one.
	withdrawn bool
}

// shopLog is what the shop says.
type shopLog struct {
	mu     sync.Mutex
	orders []order
	fates  [fates]int
	// perMerchant counts the committed ones.
	perMerchant []int
}

func (l *shopLog) add(o order) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.orders = append(l.orders, o)
	l.fates[o.fate]++
	if o.fate == committed {
		l.perMerchant[o.merchant]++
	}
}

// withdraw notes that committed notifications have been cancelled, or replaced: those of
// an order and event, or with an empty event all of the order.
func (l *shopLog) withdraw(orderNo, event string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.orders {
		if o := &l.orders[i]; o.no == orderNo && (event == "" || o.event == event) && o.fate == committed {
			o.withdrawn = true
		}
	}
}

// counts returns how many lines there are of each fate.
func (l *shopLog) counts() [fates]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fates
}

// all returns the log. It is for the end: the shop must have closed.
func (l *shopLog) all() []order {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.orders
}

// request is a line of the merchants' log. Times count from the log's beginning.
type request struct {
	id, orderNo, event string
	merchant           int // the index of its temper
	attempt            int // as the request says
	at                 time.Duration
	// status is what was answered at the time answered; 0: nothing.
	status       int
	answered     time.Duration
	acknowledged bool
	says         state // of the trade, in a channel's answer
}

// merchantLog is what the merchants say.
type merchantLog struct {
	began time.Time
	run   string // begins the order numbers of this run

	mu       sync.Mutex
	requests []request
	seen     map[string]int // requests for each notification
	// perMerchant counts those of this run.
	perMerchant []merchantCount
}

type merchantCount struct{ attempts, acknowledged int }

func newMerchantLog(run string, merchants int) *merchantLog {
	return &merchantLog{
		began: time.Now(), run: run, seen: make(map[string]int), perMerchant: make([]merchantCount, merchants),
	}
}

// received notes a request and returns its line, and the how manieth for its
// notification it is.
func (l *merchantLog) received(r request) (line, nth int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.at = time.Since(l.began)
	l.requests = append(l.requests, r)
	l.seen[r.id]++
	if l.ours(r) {
		l.perMerchant[r.merchant].attempts++
	}
	return len(l.requests) - 1, l.seen[r.id]
}

// answered notes what is about to be answered.
func (l *merchantLog) answered(line int, a answer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := &l.requests[line]
	r.status, r.acknowledged, r.says, r.answered = a.status, a.acknowledges, a.says, time.Since(l.began)
	if a.acknowledges && l.ours(*r) {
		l.perMerchant[r.merchant].acknowledged++
	}
}

// now is the time since the log's beginning.
func (l *merchantLog) now() time.Duration { return time.Since(l.began) }

// count sums up the requests of this run.
func (l *merchantLog) count() (sum merchantCount) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range l.perMerchant {
		sum.attempts += n.attempts
		sum.acknowledged += n.acknowledged
	}
	return sum
}

func (l *merchantLog) ours(r request) bool { return strings.HasPrefix(r.orderNo, l.run+"-") }

// all returns a copy of the log: a worker elsewhere may still be sending.
func (l *merchantLog) all() []request {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]request(nil), l.requests...)
}
