package bench_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/orderbell/orderbell/internal/bench"
)

func TestNames(t *testing.T) {
	t.Parallel()
	want := []string{"drain", "pickup", "tax", "idle", "growth", "punctuality", "snapshot", "memory", "neighbours", "signing"}
	if got := bench.Names(); !slices.Equal(got, want) {
		t.Errorf("the measures are %v, want %v", got, want)
	}
}

func TestUnknownMeasure(t *testing.T) {
	t.Parallel()
	if err := (bench.Options{Only: []string{"memory", "drain"}}).Check(); err != nil {
		t.Errorf("measures that there are: %v", err)
	}
	var unknown *bench.NameError
	err := bench.Options{Only: []string{"drain", "speed"}}.Check()
	if !errors.As(err, &unknown) || unknown.Name != "speed" || !strings.Contains(err.Error(), "punctuality") {
		t.Errorf("an unknown measure: %v", err)
	}
	if _, err := bench.Run(t.Context(), bench.Options{Only: []string{"speed"}}); !errors.As(err, &unknown) {
		t.Errorf("a run with an unknown measure: %v", err)
	}
}
