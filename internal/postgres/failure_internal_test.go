package postgres

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// What the worker is to make of an error: whether the database as a whole is to
// blame, and whether the statement may have been carried out.
func TestFailures(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err          error
		away, unsure bool
	}{
		"connection lost":          {io.ErrUnexpectedEOF, true, true},
		"took too long":            {context.DeadlineExceeded, true, true},
		"shutting down":            {&pgconn.PgError{Code: "57P01"}, true, false},
		"starting up":              {&pgconn.PgError{Code: "57P03"}, true, false},
		"disk full":                {&pgconn.PgError{Code: "53100"}, true, false},
		"too many connections":     {&pgconn.PgError{Code: "53300"}, true, false},
		"read-only":                {&pgconn.PgError{Code: "25006"}, true, false},
		"lock timeout":             {&pgconn.PgError{Code: "55P03"}, true, false},
		"statement timeout":        {&pgconn.PgError{Code: "57014"}, true, false},
		"serialization failure":    {&pgconn.PgError{Code: "40001"}, true, false},
		"commit of unknown end":    {&pgconn.PgError{Code: "40003"}, true, true},
		"the connection broke":     {&pgconn.PgError{Code: "08006"}, true, true},
		"a value that does not do": {&pgconn.PgError{Code: "22003"}, false, false},
		"a constraint":             {&pgconn.PgError{Code: "23514"}, false, false},
		"no such column":           {&pgconn.PgError{Code: "42703"}, false, false},
		"no right":                 {&pgconn.PgError{Code: "42501"}, false, false},
	} {
		f := &failure{"settle attempts", test.err}
		if f.Away() != test.away || f.Unsure() != test.unsure {
			t.Errorf("%s: away %t, unsure %t", name, f.Away(), f.Unsure())
		}
		if !errors.Is(f, test.err) {
			t.Errorf("%s: its reason is hidden", name)
		}
	}
}

// Which errors mean that the other connections are of no use either.
func TestLost(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err  error
		lost bool
	}{
		"closed by the server":  {io.ErrUnexpectedEOF, true},
		"silence":               {&net.OpError{Op: "read", Err: syscall.ETIMEDOUT}, true},
		"reset":                 {&net.OpError{Op: "write", Err: syscall.ECONNRESET}, true},
		"no answer in time":     {context.DeadlineExceeded, true},
		"read-only":             {&pgconn.PgError{Code: "25006"}, true},
		"told to stop":          {context.Canceled, false},
		"the backend was ended": {&pgconn.PgError{Code: "57P01"}, false},
		"a value":               {&pgconn.PgError{Code: "22003"}, false},
		"a copy":                {&ForeignError{}, false},
	} {
		if got := lost(&failure{"settle attempts", test.err}); got != test.lost {
			t.Errorf("%s: lost is %t", name, got)
		}
	}
}
