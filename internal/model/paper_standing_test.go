package model_test

import "slices"

func (p *paper) standings() []standing {
	var all []standing
	for i := range p.rows {
		if r := &p.rows[i]; r.delivery.there || r.finished.state != "" {
			all = append(all, r.standing())
		}
	}
	return all
}

func (r *paperRow) standing() standing {
	d := &r.delivery
	s := standing{
		State: d.state, Attempts: int(d.attempts), Rung: int(d.rung), Unknowns: int(d.unknowns), Holder: int(d.holder),
		LeaseOver: d.over, EndsAs: d.endsAs, Wait: int(d.wait),
	}
	if r.finished.state != "" {
		s.State, s.Attempts, s.Rung = r.finished.state, int(r.finished.attempts), int(r.finished.rung)
	}
	if d.there && r.finished.state != "" {
		s.Odd = "it is in delivery and in finished"
	} else if r.broken {
		s.Odd = "it has ended more than once"
	}
	for i, a := range r.attempts {
		if a.outcome != "" {
			s.History = append(s.History, record{i + 1, a.outcome, int(a.worker)})
		}
	}
	return s
}

// swapped is the same situation, with the names of the notifications or of the
// workers exchanged.
func (s sheet) swapped(rows, workers bool) sheet {
	if rows {
		s.rows[0], s.rows[1] = s.rows[1], s.rows[0]
		for w := range s.hands {
			slices.Reverse(s.hands[w][:])
		}
	}
	if workers {
		s.hands[1], s.hands[2] = s.hands[2], s.hands[1]
		for i := range s.rows {
			s.rows[i].swapWorkers()
		}
		for w := range s.hands {
			for row := range s.hands[w] {
				for i := range s.hands[w][row] {
					swapWorker(&s.hands[w][row][i].worker)
				}
			}
		}
	}
	return s
}

func (r *paperRow) swapWorkers() {
	swapWorker(&r.delivery.holder)
	for i := range r.attempts {
		swapWorker(&r.attempts[i].worker)
	}
}

func swapWorker(worker *int8) {
	if *worker > 0 {
		*worker = 3 - *worker
	}
}
