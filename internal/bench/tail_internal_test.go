package bench

import (
	"fmt"
	"strings"
	"testing"
)

func TestTail(t *testing.T) {
	t.Parallel()
	var kept tail
	if got := kept.String(); got != "it wrote nothing" {
		t.Errorf("of nothing it keeps %q", got)
	}
	for i := range 10_000 {
		fmt.Fprintf(&kept, "line %d\n", i)
	}
	got := kept.String()
	if len(got) > tailBytes || !strings.HasSuffix(got, "line 9999") {
		t.Errorf("it keeps %d bytes, which end %q", len(got), got[len(got)-20:])
	}
}
