package chaos_test

import (
	"testing"
	"time"
)

func TestRandomDrawsTheSameAgain(t *testing.T) {
	t.Parallel()
	a, b, other := newDeck(7, 1), newDeck(7, 1), newDeck(8, 1)
	different := false
	met := make(map[string]int)
	for range 2 * len(kinds()) {
		x, y, z := told(a.draw()), told(b.draw()), told(other.draw())
		if x != y {
			t.Errorf("one seed drew %+v and %+v", x, y)
		}
		different = different || x != z
		met[x.kind]++
	}
	if !different {
		t.Error("another seed drew the same")
	}
	for _, k := range kinds() {
		met[k.name] -= 2
	}
	for name, more := range met {
		if more != 0 {
			t.Errorf("in two rounds, %s came %d times too often", name, more)
		}
	}
}

// drawn is a step without its function, which cannot be compared.
type drawn struct {
	kind          string
	place, choice int
	length, pause time.Duration
}

func told(s step) drawn { return drawn{s.kind.name, s.place, s.choice, s.length, s.pause} }

// Only what keeps a worker from its leases for long enough excuses anything.
func TestRandomExcuses(t *testing.T) {
	t.Parallel()
	a, b, c := row{"a", 1}, row{"b", 1}, row{"c", 1}
	during := func(from, to int, rows ...row) trouble {
		return trouble{from: at(from), to: at(to), rows: rows}
	}
	for _, test := range []struct {
		name     string
		troubles []trouble
		want     []trouble // of their rows only the number counts
	}{
		{"short", []trouble{during(0, 5_000, a)}, nil},
		{"long", []trouble{during(0, 6_000, a, b)}, []trouble{during(0, 6_000, a, b)}},
		{"short ones that add up", []trouble{during(0, 3_000, a, b), during(5_000, 8_000, b, c)}, []trouble{during(0, 8_000, a, b, c)}},
		{"short ones far apart", []trouble{during(0, 3_000, a), during(12_000, 15_000, b)}, nil},
		{"at once", []trouble{during(0, 3_000, a), during(100, 3_000, a)}, nil},
		{
			"long ones far apart",
			[]trouble{during(0, 6_000, a), during(20_000, 26_000, a)},
			[]trouble{during(0, 6_000, a), during(20_000, 26_000, a)},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			found := excused(test.troubles)
			if len(found) != len(test.want) {
				t.Fatalf("%d are excused: %+v", len(found), found)
			}
			for i, got := range found {
				want := test.want[i]
				if !got.from.Equal(want.from) || !got.to.Equal(want.to) || len(distinct(got.rows)) != len(want.rows) {
					t.Errorf("excused is %+v; it should be %+v", got, want)
				}
			}
		})
	}
}
