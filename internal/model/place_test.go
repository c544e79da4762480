package model_test

import (
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orderbell/orderbell/internal/outbox"
)

// place makes PostgreSQL stand as a paper does, with notifications of its own.
func (s *sequence) place(at *paper) {
	s.t.Helper()
	s.end()
	s.book++
	var batch pgx.Batch
	for row := range at.rows {
		if r := &at.rows[row]; r.delivery.there || r.finished.state != "" {
			s.ids = append(s.ids, s.newID())
			s.placeRow(&batch, row, r)
		}
	}
	if err := s.pool.SendBatch(s.t.Context(), &batch).Close(); err != nil {
		s.t.Fatalf("place notifications: %v", err)
	}
	s.placeHands(at)
	if at.open {
		s.business(true)
	}
	for row := range at.rows {
		if at.rows[row].locked {
			s.cancel(step{kind: cancel, order: row + 1, inTx: true})
		}
	}
}

// newID takes one of the ids that were made in advance, many at a time.
func (s *sequence) newID() (id outbox.ID) {
	s.t.Helper()
	if len(s.spare) == 0 {
		rows, err := s.pool.Query(s.t.Context(), "select orderbell.uuid7() from generate_series(1, 1000)")
		if err == nil {
			s.spare, err = pgx.CollectRows(rows, pgx.RowTo[outbox.ID])
		}
		if err != nil {
			s.t.Fatalf("make ids: %v", err)
		}
	}
	id, s.spare = s.spare[0], s.spare[1:]
	return id
}

func (s *sequence) placeRow(batch *pgx.Batch, row int, r *paperRow) {
	id, d := s.ids[row], &r.delivery
	order, endpoint := s.order(row + 1)
	batch.Queue("insert into orderbell.notification (id, endpoint, event, order_no, body) values ($1, $2, 'e', $3, '{}')", id, endpoint, order)
	if d.there {
		batch.Queue(`
			update orderbell.delivery
			set state = $2::text::orderbell.state, attempt_count = $3, rung = $4, unknowns = $5,
			    next_attempt_at = now() + $6 * interval '1 h' - interval '1 min',
			    claimed_by = case when $2::text = 'in_flight' then $7::text end,
			    leased_until = case when $2::text = 'in_flight' then now() + $8 * interval '50 s' end,
			    ends_as = nullif($9, '')::orderbell.state
			where notification_id = $1`,
			id, string(d.state), d.attempts, d.rung, d.unknowns, d.wait, s.holder(d.holder, d.orphaned), hours(d.over), string(d.endsAs))
	} else {
		batch.Queue("delete from orderbell.delivery where notification_id = $1", id)
		batch.Queue(`
			insert into orderbell.finished (notification_id, round, state, reason, attempt_count, rung)
			values ($1, 0, $2::text::orderbell.state, 'placed', $3, $4)`,
			id, string(r.finished.state), r.finished.attempts, r.finished.rung)
	}
	for i, a := range r.attempts {
		if a.outcome != "" {
			batch.Queue(`
				insert into orderbell.attempt (notification_id, attempt, round, started_at, duration_us, outcome, endpoint, worker)
				values ($1, $2, 0, now(), 1, $3::text::orderbell.outcome, $4, $5)`,
				id, i+1, string(a.outcome), endpoint, fmt.Sprintf("w-%d", a.worker))
		}
	}
}

// hours of a lease that runs, or is over.
func hours(over bool) int {
	if over {
		return -1
	}
	return 1
}

// holder is what claimed_by says of a worker: what it writes itself, or what another
// process of its name has written.
func (s *sequence) holder(worker int8, orphaned bool) string {
	if orphaned {
		return fmt.Sprintf("w-%d/dead", worker)
	}
	return s.holders[worker]
}

func (s *sequence) placeHands(at *paper) {
	for worker := range at.hands {
		clear(s.hands[worker])
		for row := range at.hands[worker] {
			for i, h := range at.hands[worker][row] {
				if !h.there {
					continue
				}
				_, endpoint := s.order(row + 1)
				placed := &inHand{lapse: h.lapse, Settlement: outbox.Settlement{
					Claim: &outbox.Claim{
						ID: s.ids[row], Attempt: i + 1, Rung: int(h.rung), Unknowns: int(h.unknowns), Endpoint: endpoint,
					},
					Worker: fmt.Sprintf("w-%d", h.worker), Sent: h.sent, Began: time.Now(),
				}}
				if h.outcome != "" {
					s.conclude(placed, result{outcome: h.outcome})
				}
				s.hands[worker][token{row, i + 1}] = placed
			}
		}
	}
}

// learnHolders has each worker claim a notification, to see what it writes.
func (s *sequence) learnHolders() {
	s.t.Helper()
	for worker := 1; worker <= 2; worker++ {
		s.enqueue(step{kind: enqueue, order: 1})
		s.claim(step{kind: claim, worker: worker, endpoint: 1, take: 1})
		err := s.pool.QueryRow(s.t.Context(), "select claimed_by from orderbell.delivery where notification_id = $1", s.ids[0]).Scan(&s.holders[worker])
		if err != nil {
			s.t.Fatalf("ask who holds it: %v", err)
		}
		s.end()
	}
}
