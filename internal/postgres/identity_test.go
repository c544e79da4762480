package postgres_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/pgtest"
	"github.com/orderbell/orderbell/internal/postgres"
)

// sends tells whether a new connection of a worker claims, as one that has just
// connected anew does.
func sends(t *testing.T, h *house) error {
	t.Helper()
	_, err := h.worker("w-2").FullLook(t.Context())
	return err
}

// The first worker notes where the schema is at home, and that rings for nobody.
func TestTheFirstWorkerIsAtHome(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	if err := h.db.Home(t.Context()); err != nil {
		t.Errorf("before anybody came: %v", err)
	}
	if err := sends(t, h); err != nil {
		t.Fatal(err)
	}
	if noted := one[bool](t, h.pool, "select cluster = orderbell.identity() from orderbell.setting"); !noted {
		t.Error("it was not noted")
	}
	if err := h.db.Home(t.Context()); err != nil {
		t.Error(err)
	}
}

// A schema is at home where it is made, so that a copy made before any worker ran is one.
func TestASchemaIsAtHomeWhereItIsMade(t *testing.T) {
	t.Parallel()
	url := pgtest.Empty(t)
	if err := postgres.MigrateUp(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	if home := one[bool](t, connect(t, url), "select cluster = orderbell.identity() from orderbell.setting"); !home {
		t.Error("it is not at home")
	}
}

// A copy claims nothing and settles nothing, until it is adopted; a worker that is
// connected learns it from its next look.
func TestACopySendsNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.claimed("A1")
	h.exec("update orderbell.setting set cluster = '7301/5'")
	var foreign *postgres.ForeignError
	if _, err := h.db.FullLook(t.Context()); !errors.As(err, &foreign) {
		t.Errorf("a look of one that was connected: %v", err)
	}
	if _, err := h.db.Claim(t.Context(), lane(1), nil, nil); !errors.As(err, &foreign) {
		t.Errorf("a claim after it: %v", err)
	}
	for doing, err := range map[string]error{"look": sends(t, h), "Home": h.db.Home(t.Context())} {
		if !errors.As(err, &foreign) || foreign.Home != "7301/5" || !strings.Contains(foreign.Remedy(), "orderbell adopt") {
			t.Errorf("%s: it said %v", doing, err)
		}
	}
	_, _, err := h.worker("w-2").Settle(t.Context(), nil)
	if !errors.As(err, &foreign) {
		t.Errorf("Settle: it said %v", err)
	}
	here, before, err := h.db.Adopt(t.Context())
	if err != nil || before != "7301/5" || here != one[string](t, h.pool, "select orderbell.identity()") {
		t.Errorf("adopted: %q, before %q, %v", here, before, err)
	}
	if err := sends(t, h); err != nil {
		t.Errorf("after adopt: %v", err)
	}
	if _, _, err := h.db.Adopt(t.Context()); err != nil {
		t.Errorf("adopted again: %v", err)
	}
}

// What a claim has taken can be found by the process that made it, and by no other
// of the same name.
func TestReclaimFindsWhatThisProcessHas(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	mine := h.claimed("A1")
	namesake := h.worker("w-1")
	h.enqueue("A2")
	if claims, err := namesake.Claim(t.Context(), lane(1), nil, nil); err != nil || len(claims) != 1 {
		t.Fatalf("%d claims, %v", len(claims), err)
	}
	h.enqueue("A3") // pending
	found, err := h.db.Reclaim(t.Context(), lane(1))
	if err != nil || len(found) != 1 {
		t.Fatalf("%d found, %v", len(found), err)
	}
	if got := found[0]; got.ID != mine.ID || got.Attempt != mine.Attempt || got.Endpoint != mine.Endpoint || !got.Due.Equal(mine.Due) {
		t.Errorf("found %+v, want %+v", got, mine)
	}
	// Its own token is what keeps a lease alive, too.
	if renewed, err := namesake.Renew(t.Context(), found); err != nil || len(renewed) != 0 {
		t.Errorf("a namesake renewed %v, %v", renewed, err)
	}
	if later := lane(1); true {
		later[0].From = mine.Due.Add(time.Second)
		if found, err := h.db.Reclaim(t.Context(), later); err != nil || len(found) != 0 {
			t.Errorf("found %v before the lane's place, %v", found, err)
		}
	}
}
