package chaos_test

import (
	"strconv"
	"strings"
	"time"

	"github.com/orderbell/orderbell/internal/chaos"
)

// row is an attempt that was in flight.
type row struct {
	id      string
	attempt int
}

// killing is a worker that was killed, and what it had in flight.
type killing struct {
	at   time.Time
	rows []row
}

// whole is the worker of a place, or of the next that has one.
func (s *storm) whole(n int) (m *member, ok bool) {
	for i := range places {
		if m = s.places[(n+i)%places].worker; m != nil && m.Living() {
			return m, true
		}
	}
	return nil, false
}

func (s *storm) kill(drawn step) bool {
	m, ok := s.whole(drawn.place)
	if !ok {
		return false
	}
	from := time.Now()
	m.Kill()
	s.killed(m, from)
	s.replace(m, drawn.length)
	return true
}

// killInCalm lets the faults of before pass first, and then the recovery. How long that
// takes is told by these: while one fault follows the other nobody stays able to take
// over for long enough. A short run has no time for it.
func (s *storm) killInCalm(drawn step) bool {
	if s.wish.lasts == 0 {
		return s.kill(drawn)
	}
	for deadline := time.Now().Add(limit); !s.undisturbed() && time.Now().Before(deadline); {
		s.wait(100 * time.Millisecond)
	}
	s.wait(3 * time.Second)
	if !s.kill(drawn) {
		return false
	}
	s.wait(lease + 3*time.Second)
	return true
}

// undisturbed tells that every place has a worker, and nothing keeps it from its database.
func (s *storm) undisturbed() bool {
	for _, p := range s.places {
		if p.cut || p.worker == nil || p.worker.frozen {
			return false
		}
	}
	return true
}

// killed notes what a killed worker had in flight: all of that may be sent again, if
// it was answered.
func (s *storm) killed(m *member, from time.Time) {
	k := killing{at: from, rows: s.inFlight(m)}
	s.kills = append(s.kills, k)
	s.fault(chaos.Fault{Name: "kill " + m.Name, Worker: m.Name, From: m.unheard(from), To: time.Now(), Most: len(k.rows)})
}

// inFlight are the rows that a worker has claimed, as the database has it.
func (s *storm) inFlight(m *member) []row {
	text := s.h.Text(`select string_agg(notification_id || ' ' || attempt_count, ',') from orderbell.delivery
		where state = 'in_flight' and claimed_by ~ ('^' || $1 || '([^A-Za-z0-9]|$)')`, m.Name)
	var rows []row
	for entry := range strings.SplitSeq(text, ",") {
		if id, attempt, ok := strings.Cut(entry, " "); ok {
			rows = append(rows, row{id: id, attempt: number(attempt)})
		}
	}
	return rows
}

// number reads what the database has written as one; 0 where it has none.
func number(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}

// replace starts another worker where one is no more.
func (s *storm) replace(m *member, after time.Duration) {
	m.place.worker = nil
	if m.left.IsZero() {
		m.left = time.Now()
	}
	s.after(after, func() { s.start(m.place) })
}

func (s *storm) freeze(drawn step) bool {
	m, ok := s.whole(drawn.place)
	if !ok || m.frozen {
		return false
	}
	from := time.Now()
	m.frozen = true
	m.Freeze()
	rows := s.inFlight(m)
	s.after(drawn.length, func() {
		m.Thaw()
		m.frozen = false
		m.trouble("freeze", from, time.Now().Add(recovering), rows)
	})
	return true
}

// stop asks a worker to stop and starts another when it has: nothing that it was told
// may be forgotten.
func (s *storm) stop(drawn step) bool {
	m, ok := s.whole(drawn.place)
	if !ok {
		return false
	}
	m.Terminate()
	s.leave(m, drawn.length, func() {})
	return true
}

// leave has something done, and another worker started, when one has ended.
func (s *storm) leave(m *member, after time.Duration, then func()) {
	m.place.worker, m.left = nil, time.Now()
	s.whenEnded(m, func() {
		s.ended[m.Wait()]++
		then()
		s.replace(m, after)
	})
}

// stopTwice has the worker give up its requests: those whose answer was on its way
// are sent again.
func (s *storm) stopTwice(drawn step) bool {
	m, ok := s.whole(drawn.place)
	if !ok {
		return false
	}
	m.Terminate()
	var from time.Time
	n := 0
	s.after(drawn.length, func() {
		if m.Living() {
			from = time.Now()
			n = s.h.InFlight(m.Worker)
			m.Terminate()
		}
	})
	s.leave(m, drawn.length, func() {
		s.fault(chaos.Fault{Name: "stop twice " + m.Name, Worker: m.Name, From: m.unheard(from), To: time.Now(), Most: n})
	})
	return true
}

func (s *storm) killShop(drawn step) bool {
	if s.shop == nil {
		return false
	}
	s.shop.Kill()
	s.shop = nil
	s.after(drawn.length, s.openShop)
	return true
}

// cancel cancels some orders that are unfinished.
func (s *storm) cancel(step) bool {
	text := s.h.Text(`select string_agg(endpoint || ' ' || order_no, ',') from (
		select n.endpoint, n.order_no from orderbell.delivery d join orderbell.notification n on n.id = d.notification_id
		order by random() limit 5) o`)
	for entry := range strings.SplitSeq(text, ",") {
		if endpoint, no, ok := strings.Cut(entry, " "); ok {
			if err := s.h.Cancel(endpoint, no); err != nil {
				s.t.Logf("cancel %s: %v", no, err)
			}
		}
	}
	return text != ""
}
