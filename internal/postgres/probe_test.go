package postgres_test

import (
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/postgres"
)

// A probe is recorded with its time and its user, by who has the operators' role.
func TestProbesAreRecorded(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	db, err := postgres.Open(t.Context(), h.url+"&options=-c%20role%3Dorderbell_operator", "cli")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	before, err := db.Clock(t.Context())
	if err != nil || time.Until(before).Abs() > time.Minute {
		t.Errorf("the time is %v, %v", before, err)
	}
	for _, passed := range []bool{true, false} {
		if err := db.AddProbe(t.Context(), "m-1", passed, []byte(`{"checks": []}`)); err != nil {
			t.Fatal(err)
		}
	}
	const query = `select string_agg(concat_ws(' ', endpoint, passed, by = session_user, at >= $1, report), ', ' order by at) from orderbell.probe`
	if got, want := one[string](t, h.pool, query, before), `m-1 t t t {"checks": []}, m-1 f t t {"checks": []}`; got != want {
		t.Errorf("recorded %s, want %s", got, want)
	}
	if err := db.AddProbe(t.Context(), "m-1", true, []byte(`{`)); err == nil {
		t.Error("no JSON was recorded")
	}
}
