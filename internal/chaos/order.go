package chaos

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"
)

// Fate is what became of an order's transaction, as far as the shop knows.
type Fate string

// The fates of an order.
const (
	Committed  Fate = "committed"
	RolledBack Fate = "rolled back"
	// Unknown: the connection died during the commit, or the shop did.
	Unknown Fate = "unknown"
	// Failed: refused or cut off before the commit, or refused by it.
	Failed Fate = "failed"
)

// intended is what the log has of an order whose commit, or rollback, comes next.
const intended Fate = "intended"

// Order is what the shop knows of one order.
type Order struct {
	No   string `json:"no"`
	Fate Fate   `json:"fate"`
	// IDs are its notifications; Undone are those that it took back with a savepoint.
	IDs    []string `json:"ids,omitempty"`
	Undone []string `json:"undone,omitempty"`
	// Error and Code, an SQLSTATE or empty, say why it failed or is unknown.
	Error string `json:"error,omitempty"`
	Code  string `json:"code,omitempty"`
	// At is the time of the entry, Took the time from BEGIN to it.
	At   time.Time     `json:"at"`
	Took time.Duration `json:"took"`
}

// orderLog is the shop's own log: two lines for each order, the intent before its
// end and the result after it, each on the disk before the shop goes on.
type orderLog struct {
	mu   sync.Mutex
	file *os.File
}

func (l *orderLog) add(o Order) error {
	o.At = time.Now()
	line, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("put order %s into words: %w", o.No, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("log order %s: %w", o.No, err)
	}
	if err := l.file.Sync(); err != nil {
		return fmt.Errorf("sync the log of orders: %w", err)
	}
	return nil
}

// readOrders reads such a log, also while it is written: half a line at its end is
// left out. An order without a result is unknown.
func readOrders(file string) ([]Order, error) {
	content, err := os.ReadFile(file) //nolint:gosec // the shop's own log
	if err != nil {
		return nil, fmt.Errorf("read the log of orders: %w", err)
	}
	var orders []Order
	known := make(map[string]int)
	for line := range bytes.Lines(content[:bytes.LastIndexByte(content, '\n')+1]) {
		var o Order
		if err := json.Unmarshal(line, &o); err != nil {
			return nil, fmt.Errorf("read the log of orders: %w", err)
		}
		if o.Fate == intended {
			o.Fate = Unknown
		}
		if i, ok := known[o.No]; ok {
			orders[i] = o
			continue
		}
		known[o.No] = len(orders)
		orders = append(orders, o)
	}
	return slices.Clip(orders), nil
}
