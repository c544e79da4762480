package outbox_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orderbell/orderbell/internal/outbox"
)

func TestFinishedStatesMoveNowhere(t *testing.T) {
	t.Parallel()
	for _, from := range outbox.States {
		moves := 0
		for _, to := range outbox.States {
			if outbox.CanMove(from, to) {
				moves++
			}
		}
		if from.Finished() != (moves == 0) {
			t.Errorf("%s: finished is %t, but it has %d moves", from, from.Finished(), moves)
		}
		if from.Finished() && outbox.CanMove(outbox.Held, from) != (from == outbox.Cancelled || from == outbox.Superseded) {
			t.Errorf("held may end as %s", from)
		}
	}
}

// The package's documentation draws every state, and no other.
func TestPictureNamesEveryState(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, picture, _ := strings.Cut(string(doc), "# A row's states")
	picture, _, _ = strings.Cut(picture, "# Decisions")
	for _, state := range outbox.States {
		if !strings.Contains(picture, string(state)) {
			t.Errorf("the picture has no %s", state)
		}
	}
}

func TestLadder(t *testing.T) {
	t.Parallel()
	ladder := outbox.Ladder{time.Second, time.Minute}
	if got := ladder.Attempts(); got != 3 {
		t.Errorf("two rungs give %d attempts, wanted 3", got)
	}
	type step struct {
		Wait time.Duration
		OK   bool
	}
	var got []step
	for spent := -1; spent <= 3; spent++ {
		wait, ok := ladder.Next(spent)
		got = append(got, step{wait, ok})
	}
	want := []step{{}, {time.Second, true}, {time.Minute, true}, {}, {}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("waits (-want +got):\n%s", diff)
	}
}
