package model_test

import (
	"fmt"
	"slices"

	"github.com/orderbell/orderbell/internal/outbox"
)

// standing is where a notification stands. The zero value: there is none, as
// before a commit and after a rollback.
type standing struct {
	State     outbox.State
	Attempts  int // begun
	Rung      int
	Unknowns  int // 0 once it is finished
	Holder    int // the worker; 0: nobody
	LeaseOver bool
	EndsAs    outbox.State // once the attempt in flight is settled; empty: by its outcome
	Wait      int          // hours until the next attempt, rounded up
	// Duplicate is the notification that has the same dedupe key, counted from 1.
	Duplicate int
	History   []record
	// Odd is what should never be, in words.
	Odd string
}

// record is an attempt that was written down.
type record struct {
	Attempt int
	Outcome outbox.Outcome
	Worker  int
}

func (s standing) String() string {
	history := s.History
	s.History = nil
	type plain standing // without this method
	return fmt.Sprintf("%+v, history %+v", plain(s), history)
}

// same compares without reflection, which a search of many situations would feel.
func same(a, b standing) bool {
	return a.State == b.State && a.Attempts == b.Attempts && a.Rung == b.Rung && a.Unknowns == b.Unknowns &&
		a.Holder == b.Holder && a.LeaseOver == b.LeaseOver && a.EndsAs == b.EndsAs && a.Wait == b.Wait &&
		a.Duplicate == b.Duplicate && a.Odd == b.Odd && slices.Equal(a.History, b.History)
}

// differences compares what is with what the model says.
func differences(is, wanted []standing) (problems []string) {
	if len(is) != len(wanted) {
		return []string{fmt.Sprintf("there are %d notifications, the model has %d", len(is), len(wanted))}
	}
	for i := range is {
		if !same(is[i], wanted[i]) {
			problems = append(problems, fmt.Sprintf("notification %d\n  is        %v\n  should be %v", i, is[i], wanted[i]))
		}
	}
	return problems
}
