package janitor_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orderbell/orderbell/internal/janitor"
	"github.com/orderbell/orderbell/internal/pgtest"
	"github.com/orderbell/orderbell/internal/postgres"
)

func TestMain(m *testing.M) { pgtest.Main(m, postgres.MigrateUp) }

// yard is a database whose partitions come out as scripted, one result a call.
type yard struct {
	made, missing int
	retired       int // secrets
	err           error
	old           int // runs of scans
	calls         int
	destroyed     int // how often it was tried
	pruned        int
}

func (y *yard) MakePartitions(context.Context) (made, missing int, err error) {
	y.calls++
	return y.made, y.missing, y.err
}

func (y *yard) PruneScans(context.Context) (int, error) {
	y.pruned++
	return y.old, y.err
}

func (y *yard) DestroySecrets(context.Context) (int, error) {
	y.destroyed++
	return y.retired, y.err
}

func TestPartitionsAreMadeAtTheStartAndEveryHour(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		y := &yard{}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Hour+time.Minute)
		defer cancel()
		if err := janitor.Run(ctx, y, y, y, slog.New(slog.DiscardHandler)); err != nil {
			t.Fatal(err)
		}
		if y.calls != 4 || y.destroyed != 4 || y.pruned != 4 {
			t.Errorf("partitions were made %d times in three hours, secrets destroyed %d times and runs deleted %d times, wanted 4", y.calls, y.destroyed, y.pruned)
		}
	})
}

func TestTroubleWithPartitionsIsTold(t *testing.T) {
	t.Parallel()
	for said, y := range map[string]*yard{
		"":                               {},
		"partitions were made":           {made: 3},
		"partitions are missing":         {missing: 2},
		"retired secrets were destroyed": {retired: 1},
		"runs of scans older than 90 days were deleted": {old: 1},
		"old runs of scans could not be deleted":        {err: errors.New("the database is away")},
		"retired secrets could not be destroyed":        {err: errors.New("the database is away")},
		"partitions could not be made; the next try":    {err: errors.New("the database is away")},
	} {
		synctest.Test(t, func(t *testing.T) {
			var out bytes.Buffer
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if err := janitor.Run(ctx, y, y, y, slog.New(slog.NewTextHandler(&out, nil))); err != nil {
				t.Fatal(err)
			}
			if (out.Len() > 0) != (said != "") || !strings.Contains(out.String(), said) {
				t.Errorf("%+v: the log says %q, wanted %q", *y, out.String(), said)
			}
		})
	}
}
