package postgres

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/orderbell/orderbell/sql"
)

// sqlText is a statement of sql/ as it is sent: its named parameters have become
// numbers, once, because finding them in five kilobytes of text takes 20 us.
type sqlText struct {
	text  string
	names []string // of $1, $2, …
}

var parameter = regexp.MustCompile(`@[a-z_]+`)

// statement reads a file of sql/. A missing one is a mistake of ours, which a test
// would meet first.
func statement(name string) sqlText {
	raw, err := sql.FS.ReadFile(name + ".sql")
	if err != nil {
		panic(err)
	}
	var s sqlText
	s.text = parameter.ReplaceAllStringFunc(string(raw), func(found string) string {
		n := slices.Index(s.names, found[1:])
		if n < 0 {
			n = len(s.names)
			s.names = append(s.names, found[1:])
		}
		return "$" + strconv.Itoa(n+1)
	})
	return s
}

// values puts arguments into the order of the numbers.
func (s sqlText) values(args pgx.StrictNamedArgs) ([]any, error) {
	values := make([]any, len(s.names))
	for i, name := range s.names {
		value, given := args[name]
		if !given {
			return nil, fmt.Errorf("the argument %s is missing", name)
		}
		values[i] = value
	}
	if len(args) != len(values) {
		return nil, fmt.Errorf("%d arguments for %d parameters", len(args), len(values))
	}
	return values, nil
}

var (
	sqlLook           = statement("look")
	sqlFullLook       = statement("full_look")
	sqlClaim          = statement("claim")
	sqlNotifications  = statement("notifications")
	sqlRenew          = statement("renew")
	sqlLapsed         = statement("lapsed")
	sqlSettle         = statement("settle")
	sqlUnsettled      = statement("unsettled")
	sqlPolicies       = statement("policies")
	sqlEndpoints      = statement("endpoints")
	sqlReserve        = statement("reserve")
	sqlProbe          = statement("probe")
	sqlBreak          = statement("break")
	sqlSetFault       = statement("set_fault")
	sqlAddEndpoint    = statement("add_endpoint")
	sqlListEndpoints  = statement("list_endpoints")
	sqlPause          = statement("pause")
	sqlResume         = statement("resume")
	sqlHistory        = statement("history")
	sqlAttempts       = statement("attempts")
	sqlBacklog        = statement("backlog")
	sqlMakePartitions = statement("make_partitions")
	sqlMissing        = statement("missing_partitions")
	sqlSchemaVersion  = statement("schema_version")
	sqlOldestProgram  = statement("oldest_program")
	sqlIdentify       = statement("identify")
	sqlHome           = statement("home")
	sqlAdopt          = statement("adopt")
	sqlReclaim        = statement("reclaim")
	sqlSetWake        = statement("set_wake")

	sqlSetEndpointFault = statement("set_endpoint_fault")
	sqlFaultyEndpoints  = statement("faulty_endpoints")
	sqlSecrets          = statement("secrets")
	sqlAddSecret        = statement("add_secret")
	sqlResealSecret     = statement("reseal_secret")
	sqlDestroySecrets   = statement("destroy_secrets")
	sqlAddProbe         = statement("add_probe")
	sqlTokenEndpoint    = statement("token_endpoint")
	sqlAddToken         = statement("add_token")
	sqlRevokeToken      = statement("revoke_token")
	sqlTokens           = statement("tokens")
	sqlAPIOpen          = statement("api_open")
	sqlAPIPage          = statement("api_page")
	sqlAPINotifications = statement("api_notifications")
	sqlAPIOrder         = statement("api_order")
	sqlClock            = statement("clock")
	sqlTestBell         = statement("test_bell")

	sqlQueue    = statement("queue")
	sqlLock     = statement("lock")
	sqlBound    = statement("bound")
	sqlHook     = statement("hook")
	sqlOwe      = statement("owe")
	sqlOwed     = statement("owed")
	sqlLockOwed = statement("lock_owed")
	sqlCallOwed = statement("call_owed")
	sqlPaid     = statement("paid")
	sqlOweAgain = statement("owe_again")

	sqlUnblock    = statement("unblock")
	sqlAddHook    = statement("add_hook")
	sqlListHooks  = statement("list_hooks")
	sqlRemoveHook = statement("remove_hook")

	sqlScanLast       = statement("scan_last")
	sqlScanClaim      = statement("scan_claim")
	sqlScanBegin      = statement("scan_begin")
	sqlScanFinish     = statement("scan_finish")
	sqlScanCompensate = statement("scan_compensate")
	sqlScanBury       = statement("scan_bury")
	sqlScanPrune      = statement("scan_prune")
	sqlScanHealth     = statement("scan_health")
)

// patience bounds a statement together with its way there and back: longer than
// the server's own statement_timeout, it ends waits on a connection that is dead.
const patience = 12 * time.Second

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// query runs a statement that returns rows, each read into a T by column name.
func query[T any](ctx context.Context, q querier, doing string, s sqlText, args pgx.StrictNamedArgs) ([]T, error) {
	values, err := s.values(args)
	if err != nil {
		return nil, &failure{doing, err}
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	found, err := collect[T](ctx, q, s.text, values)
	if err != nil {
		if pool, ok := q.(*pool); ok {
			pool.failed(err)
		}
		return nil, &failure{doing, err}
	}
	return found, nil
}

func collect[T any](ctx context.Context, q querier, text string, values []any) ([]T, error) {
	rows, err := q.Query(ctx, text, values...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[T])
}

// queryOne runs a statement that returns exactly one row.
func queryOne[T any](ctx context.Context, q querier, doing string, s sqlText, args pgx.StrictNamedArgs) (T, error) {
	found, err := query[T](ctx, q, doing, s, args)
	if err == nil && len(found) != 1 {
		err = fmt.Errorf("%s: %d rows instead of 1", doing, len(found))
	}
	if err != nil {
		var none T
		return none, err
	}
	return found[0], nil
}

// A local port in a text makes each failure look like a new one.
var localPort = regexp.MustCompile(`\S+:\d+->`)

// failure is an error of the network or of PostgreSQL, in words that stay the same
// while it does.
type failure struct {
	doing string
	err   error
}

func (f *failure) Error() string {
	return f.doing + ": " + localPort.ReplaceAllString(f.err.Error(), "")
}
func (f *failure) Unwrap() error { return f.err }

// Away tells that the database as a whole did not do it: it is not there, takes no
// writes, has no room or no time. Otherwise it has refused these very values.
func (f *failure) Away() bool {
	var (
		refused *pgconn.PgError
		unmade  *pgconn.ConnectError
		copied  *ForeignError
	)
	if errors.As(f.err, &unmade) || errors.As(f.err, &copied) {
		return true
	}
	if !errors.As(f.err, &refused) {
		return lost(f.err) || pgconn.SafeToRetry(f.err)
	}
	switch refused.Code[:2] {
	case "08", "25", "28", "40", "53", "55", "57", "58", "3D":
		return true
	}
	return false
}

// Unsure tells that the statement may have been carried out all the same: no answer
// came, or none that says that it was not.
func (f *failure) Unsure() bool {
	var refused *pgconn.PgError
	if errors.As(f.err, &refused) {
		return refused.Code == "40003" || strings.HasPrefix(refused.Code, "08")
	}
	return !pgconn.SafeToRetry(f.err)
}

// hasCode tells whether PostgreSQL refused with this SQLSTATE.
func hasCode(err error, codes ...string) bool {
	var refused *pgconn.PgError
	if !errors.As(err, &refused) {
		return false
	}
	for _, code := range codes {
		if refused.Code == code {
			return true
		}
	}
	return false
}
