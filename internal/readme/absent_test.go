package readme_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/orderbell/orderbell/internal/pgtest"
)

// What the page lists as not there yet is refused, and each word of the list is tried.
func TestNotThereYet(t *testing.T) {
	t.Parallel()
	db := pgtest.Pool(t)
	tried := []string{
		"select orderbell.replay(gen_random_uuid(), 'asked')",
		"select orderbell.replay_matching('m', 'exhausted', now() - interval '1 day')",
	}
	for _, statement := range tried {
		_, err := db.Exec(t.Context(), statement)
		var refused *pgconn.PgError
		if !errors.As(err, &refused) || refused.Code != "0A000" {
			t.Errorf("%s: %v, want feature_not_supported", statement, err)
		}
	}
	all := strings.Join(tried, "\n") + " feature_not_supported"
	for _, word := range spans(prose(t, "Not there yet")) {
		if !strings.Contains(all, word) {
			t.Errorf("the page says that %s is not there yet; nothing here tries it", word)
		}
	}
}
