package chaos

import "time"

// clockError is what the rounding of times to microseconds, and no more, may make
// a wait seem shorter: all clocks are this machine's.
const clockError = time.Millisecond

// spacing: the next attempt comes no earlier than a rung after the settling of one
// that spent it.
func (c *checker) spacing(l *life) {
	if l.notification == nil {
		return
	}
	for _, s := range l.spending() {
		next := s.Attempt.Attempt + 1
		if !s.spends || s.rung >= len(l.notification.Ladder) || l.round(next) != s.Round {
			continue
		}
		rung := l.notification.Ladder[s.rung]
		settled := s.Began.Add(s.Took)
		for _, came := range l.begins(next) {
			if wait := came.Sub(settled); wait < rung-clockError {
				c.object(Spacing, l.id, "attempt %d came %s after attempt %d, whose rung is %s", next, wait, s.Attempt.Attempt, rung)
			}
		}
	}
}

// begins is when an attempt was received, or else when it says that it began. What
// an unknown attempt says is when its lease was last seen to be renewed.
func (l *life) begins(number int) []time.Time {
	var begins []time.Time
	for _, r := range l.requests {
		if r.Attempt == number {
			begins = append(begins, r.Arrived)
		}
	}
	if a := l.attempt(number); len(begins) == 0 && a != nil && a.Outcome != unknown {
		begins = append(begins, a.Began)
	}
	return begins
}

// count: the rungs that a notification is said to have spent are those that its
// attempts spent, and there are no more attempts than the ladder gives.
func (c *checker) count(l *life) {
	if l.notification == nil {
		return
	}
	most := len(l.notification.Ladder) + 1
	for _, end := range l.ends {
		spends := l.spends(end.Round)
		if spends > most {
			c.object(Count, l.id, "%d attempts of round %d spent a rung; its ladder gives %d", spends, end.Round, most)
		}
		if want := l.rungsAt(end, spends); end.Rung != want {
			c.object(Count, l.id, "it ended %s with %d rungs spent; its attempts spent %d", end.State, end.Rung, want)
		}
	}
	if l.stands == nil {
		return
	}
	if spends := l.spends(l.stands.Round); spends != l.stands.Rung || spends >= most {
		c.object(Count, l.id, "it stands at rung %d of %d; its attempts spent %d", l.stands.Rung, most-1, spends)
	}
}

func (l *life) spends(round int) int {
	spends := 0
	for _, s := range l.spending() {
		if s.spends && s.Round == round {
			spends++
		}
	}
	return spends
}

// rungsAt is how many rungs an ending should have: the last attempt of a ladder has no
// rung after it to spend.
func (l *life) rungsAt(end Finished, spends int) int {
	if end.State == exhausted {
		return spends - 1
	}
	return min(spends, len(l.notification.Ladder))
}
