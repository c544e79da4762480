package bench

import "testing"

// Every measure has a yardstick, and no line names itself as one.
func TestMeasuresHaveYardsticks(t *testing.T) {
	t.Parallel()
	for _, m := range measures(Options{}) {
		yardsticks := 0
		for _, l := range m.lines() {
			if l.yardstick == l.figure || l.figure == "" {
				t.Errorf("%s: %q is held against itself", m.name(), l.figure)
			}
			if l.yardstick != "" {
				yardsticks++
			}
			if l.target.of == theRatio && l.yardstick == "" {
				t.Errorf("%s: the target of %q is a ratio, to nothing", m.name(), l.figure)
			}
		}
		if yardsticks == 0 {
			t.Errorf("%s has no yardstick", m.name())
		}
	}
}

func TestRounds(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		options Options
		want    int
	}{
		{Options{}, 5},
		{Options{Rounds: 2}, 2},
		{Options{Quick: true}, 1},
		{Options{Quick: true, Rounds: 3}, 3},
	} {
		if got := test.options.times(5); got != test.want {
			t.Errorf("%+v: %d rounds, want %d", test.options, got, test.want)
		}
	}
}

func TestOrderBody(t *testing.T) {
	t.Parallel()
	if got := len(orderBody()); got != bodyBytes {
		t.Errorf("a body has %d bytes, want %d", got, bodyBytes)
	}
}
