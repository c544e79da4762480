package demo

import (
	"bytes"
	"strings"
	"testing"

	"github.com/orderbell/orderbell/internal/pgtest"
)

// What is announced can be asked there.
func TestQuestions(t *testing.T) {
	t.Parallel()
	db := pgtest.Pool(t)
	var said bytes.Buffer
	(&database{server: pgtest.Server(t)}).announce(&said)
	asked := 0
	for line := range strings.Lines(said.String()) {
		question, ok := strings.CutPrefix(line, "  select ")
		if !ok {
			continue
		}
		asked++
		if _, err := db.Exec(t.Context(), "select "+question); err != nil {
			t.Errorf("select %s: %v", question, err)
		}
	}
	if asked != 3 {
		t.Errorf("%d questions are announced:\n%s", asked, said.String())
	}
}
