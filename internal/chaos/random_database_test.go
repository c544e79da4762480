package chaos_test

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orderbell/orderbell/internal/chaos"
	"github.com/orderbell/orderbell/internal/pgtest"
)

// outage is a time in which nobody could write to the database.
type outage struct {
	name     string
	from, to time.Time
	// restarted tells that the database was away; else a table was locked.
	restarted bool
}

func (s *storm) killBackend(drawn step) bool {
	return s.away(drawn, func() {
		conn, err := s.connect()
		if err != nil {
			s.t.Fatal(err)
		}
		pid := number(s.h.Text(`select pid from (
			select pid, row_number() over (order by pid) - 1 as place, count(*) over () as n
			from pg_stat_activity where application_name like 'orderbell/%') b where place = $1::int % n`, drawn.choice))
		if err := killPID(pid); err != nil {
			s.t.Logf("no backend was killed: %v", err) // there was none, or it has just ended
			_ = conn.Close(s.t.Context())
			return
		}
		pgtest.Eventually(s.t, limit, "the cluster to go down", func() error {
			if _, err := conn.Exec(s.t.Context(), "select 1"); err == nil {
				return errors.New("it is there")
			}
			return nil
		})
		_ = conn.Close(s.t.Context())
	})
}

// killPID takes no number that means more than one process.
func killPID(pid int) error {
	if pid <= 1 {
		return fmt.Errorf("%d is no backend", pid)
	}
	return syscall.Kill(pid, syscall.SIGKILL)
}

func (s *storm) immediateRestart(drawn step) bool {
	return s.away(drawn, func() {
		s.shutDown()
		pass(drawn.length)
		s.startUp()
	})
}

// fastRestart lets PostgreSQL end its clients in order.
func (s *storm) fastRestart(drawn step) bool { return s.away(drawn, s.startUp) }

func (s *storm) killWhileDown(drawn step) bool {
	m, ok := s.whole(drawn.place)
	if !ok {
		return false
	}
	var from time.Time
	s.away(drawn, func() {
		s.shutDown()
		from = time.Now()
		m.Kill()
		pass(drawn.length)
		s.startUp()
	})
	s.killed(m, from)
	s.replace(m, 0)
	return true
}

// stopWhileDown: what the worker cannot settle before it ends may be sent again.
func (s *storm) stopWhileDown(drawn step) bool {
	m, ok := s.whole(drawn.place)
	if !ok {
		return false
	}
	from := time.Now()
	s.away(drawn, func() {
		s.shutDown()
		m.Terminate()
		pass(drawn.length)
		s.startUp()
	})
	if !m.Living() {
		s.fault(chaos.Fault{Name: "stop while down " + m.Name, Worker: m.Name, From: m.unheard(from), To: time.Now(), Most: len(s.inFlight(m))})
	}
	s.leave(m, 0, func() {})
	return true
}

func (s *storm) shutDown() {
	ctx, cancel := context.WithTimeout(s.t.Context(), limit)
	defer cancel()
	if err := s.h.Server.Kill(ctx); err != nil {
		s.t.Fatal(err)
	}
}

func (s *storm) startUp() {
	ctx, cancel := context.WithTimeout(s.t.Context(), limit)
	defer cancel()
	if err := s.h.Server.Restart(ctx); err != nil {
		s.t.Fatal(err)
	}
}

// away takes the database away from everybody, and waits until it takes writes again.
// What is in flight then is what was in flight when it went, or less: nobody takes
// over ended leases in the first two seconds.
func (s *storm) away(drawn step, fault func()) bool {
	from := time.Now()
	fault()
	s.writes()
	back := time.Now()
	s.outages = append(s.outages, outage{name: drawn.kind.name, from: from, to: back, restarted: true})
	for _, m := range s.living(nil) {
		m.trouble(drawn.kind.name, from, back.Add(recovering), s.inFlight(m))
	}
	return true
}

// writes waits until the database takes writes.
func (s *storm) writes() {
	for deadline := time.Now().Add(limit); ; pass(5 * time.Millisecond) {
		conn, err := s.connect()
		if err == nil {
			_, err = conn.Exec(s.t.Context(), "insert into tries values (clock_timestamp())")
			_ = conn.Close(s.t.Context())
		}
		switch {
		case err == nil:
			return
		case time.Now().After(deadline):
			s.t.Fatalf("the database takes no writes: %v", err)
		}
	}
}

func (s *storm) terminateOne(drawn step) bool { return s.terminate(drawn, 1) }
func (s *storm) terminateAll(drawn step) bool { return s.terminate(drawn, 100) }

func (s *storm) terminate(drawn step, most int) bool {
	m, ok := s.whole(drawn.place)
	if !ok {
		return false
	}
	from := time.Now()
	n := s.h.Text(`select count(pg_terminate_backend(pid)) from (
		select pid from pg_stat_activity where application_name ~ ('^orderbell/' || $1 || '([^A-Za-z0-9]|$)')
		order by random() limit $2) b`, m.Name, most)
	s.flicker([]*member{m}, drawn.kind.name, from)
	return n != "0"
}

// lock takes a table for itself. What is claimed before a worker notices counts too.
func (s *storm) lock(drawn step) bool {
	table := []string{"delivery", "attempt", "notification", "finished"}[drawn.choice%4]
	members := s.living(nil)
	before := make([][]row, len(members))
	for i, m := range members {
		before[i] = s.inFlight(m)
	}
	if drawn.length > orderPatience {
		s.h.Excuse("55P03") // orders that wait for the table give up
	}
	from := time.Now()
	release := s.h.Lock(table)
	pass(drawn.length)
	release()
	to := time.Now()
	s.outages = append(s.outages, outage{name: drawn.kind.name, from: from, to: to})
	for i, m := range members {
		m.trouble("lock "+table, from, to.Add(recovering), append(before[i], s.inFlight(m)...))
	}
	return true
}

// orderPatience is less than what a shop's order waits for a lock.
const orderPatience = 4 * time.Second

// hold keeps a snapshot, and a transaction's number, so that nothing that is deleted
// meanwhile can be cleaned up. It ends with the database.
func (s *storm) hold(drawn step) bool {
	conn, err := s.connect()
	if err != nil {
		s.t.Fatal(err)
	}
	tx, err := conn.BeginTx(s.t.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	if err == nil {
		_, err = tx.Exec(s.t.Context(), "select pg_current_xact_id()")
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.after(drawn.length, func() { _ = conn.Close(s.t.Context()) })
	return true
}
