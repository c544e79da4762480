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

	"go.uber.org/goleak"

	"github.com/orderbell/orderbell/internal/janitor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// yard is a database whose partitions come out as scripted, one result a call.
type yard struct {
	made, missing int
	retired       int // secrets
	err           error
	calls         int
	destroyed     int // how often it was tried
}

func (y *yard) MakePartitions(context.Context) (made, missing int, err error) {
	y.calls++
	return y.made, y.missing, y.err
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
		if err := janitor.Run(ctx, y, y, slog.New(slog.DiscardHandler)); err != nil {
			t.Fatal(err)
		}
		if y.calls != 4 || y.destroyed != 4 {
			t.Errorf("partitions were made %d times in three hours, and secrets destroyed %d times, wanted 4", y.calls, y.destroyed)
		}
	})
}

func TestTroubleWithPartitionsIsTold(t *testing.T) {
	t.Parallel()
	for said, y := range map[string]*yard{
		"":                                       {},
		"partitions were made":                   {made: 3},
		"partitions are missing":                 {missing: 2},
		"retired secrets were destroyed":         {retired: 1},
		"retired secrets could not be destroyed": {err: errors.New("the database is away")},
		"partitions could not be made; the next try": {err: errors.New("the database is away")},
	} {
		synctest.Test(t, func(t *testing.T) {
			var out bytes.Buffer
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if err := janitor.Run(ctx, y, y, slog.New(slog.NewTextHandler(&out, nil))); err != nil {
				t.Fatal(err)
			}
			if (out.Len() > 0) != (said != "") || !strings.Contains(out.String(), said) {
				t.Errorf("%+v: the log says %q, wanted %q", *y, out.String(), said)
			}
		})
	}
}
