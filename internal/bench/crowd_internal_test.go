package bench

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/orderbell/orderbell/internal/pgtest"
)

// What one load has left must not be there in the next: else the yardstick of the next
// round hangs too, and everything looks well beside it.
func TestForget(t *testing.T) {
	t.Parallel()
	d, err := openBenchDatabase(t.Context(), "", pgtest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.pool.Close)
	for _, prefix := range []string{"shop", "hung", "backlog"} {
		if err := d.endpoints(t.Context(), prefix, 2, "https://shop.example/notify"); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.burden(t.Context(), 7, 3); err != nil {
		t.Fatal(err)
	}
	for _, prefix := range []string{"shop", "hung"} {
		if err := d.preload(t.Context(), prefix, 2, 4); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.run(t.Context(), "try two rows", `
		update orderbell.delivery set rung = 1, attempt_count = 1, next_attempt_at = now() + interval '15 s'
		where notification_id in (select notification_id from orderbell.delivery where endpoint = 'backlog-1' limit 2)`); err != nil {
		t.Fatal(err)
	}
	if err := d.forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	rows, err := d.pool.Query(t.Context(), `
		select format('%s %s %s', split_part(endpoint, '-', 1), case when next_attempt_at < now() then 'due' else 'waiting' end, count(*))
		from orderbell.delivery group by split_part(endpoint, '-', 1), next_attempt_at < now() order by 1`)
	if err != nil {
		t.Fatal(err)
	}
	left, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"backlog due 5", "waiting waiting 3"}, left); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}
