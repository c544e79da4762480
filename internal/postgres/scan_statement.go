package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/orderbell/orderbell/internal/outbox"
)

const (
	firstFew = 5   // gaps that are shown
	longest  = 200 // characters of a value that is shown
	// lateness is how much longer than its timeout a run is waited for, before its
	// server is given up.
	lateness = 5 * time.Second
	voidOID  = 2278 // the type of a function that returns nothing
)

// errEnded is of a statement that would outlive its record, its limit and a dry run.
var errEnded = errors.New("the statement has ended its transaction; a scan must not say commit or rollback")

// scanOnce runs the statement in the open transaction, within a savepoint: where it fails,
// and in a dry run, what it did is undone, and the transaction can still record it. An
// error is that of the session.
func scanOnce(ctx context.Context, conn *pgx.Conn, scan outbox.Scan, dryRun bool) (outbox.ScanReport, error) {
	start := time.Now()
	if err := watchClient(ctx, conn); err != nil {
		return outbox.ScanReport{}, err
	}
	limit := strconv.FormatInt(max(1, scan.Timeout.Milliseconds()), 10)
	if _, err := conn.Exec(ctx, "/* orderbell:scan */ savepoint scan; set local statement_timeout = "+limit); err != nil {
		return outbox.ScanReport{}, err
	}
	limited, cancel := context.WithTimeout(ctx, scan.Timeout+lateness)
	defer cancel()
	report, err := scanStatement(limited, conn, scan)
	if err == nil && conn.PgConn().TxStatus() == 'I' {
		return outbox.ScanReport{}, errEnded
	}
	if err == nil {
		// What is checked at the commit is checked here, also in a dry run.
		_, err = conn.Exec(limited, scanTag(scan)+"set constraints all immediate")
	}
	took := time.Since(start)
	if err != nil {
		report = outbox.ScanReport{Result: outbox.ScanFailed, Error: scanFault(ctx, err, scan, took)}
	}
	report.Took = took
	after := "set local statement_timeout to default"
	if err != nil || dryRun {
		after = "rollback to savepoint scan"
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if _, lost := conn.Exec(ending, "/* orderbell:scan */ "+after); lost != nil {
		if err == nil {
			err = lost
		}
		return outbox.ScanReport{}, err // what it says first is why
	}
	return report, nil
}

// watchClient makes the server notice within seconds that a worker has died, rather than
// when the statement has ended. Servers on some systems cannot.
func watchClient(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, "/* orderbell:scan */ savepoint scan; set local client_connection_check_interval = '2s'")
	if hasCode(err, "22023") {
		_, err = conn.Exec(ctx, "/* orderbell:scan */ rollback to savepoint scan")
	}
	return err
}

func scanStatement(ctx context.Context, conn *pgx.Conn, scan outbox.Scan) (outbox.ScanReport, error) {
	if scan.Kind == outbox.ScanCompensate {
		return compensate(ctx, conn, scan)
	}
	result := conn.PgConn().ExecParams(ctx, scanTag(scan)+scan.Query, nil, nil, nil, nil)
	report := outbox.ScanReport{Result: outbox.ScanDone}
	var number []byte
	for result.NextRow() {
		if number == nil && scan.Counts && len(result.Values()) == 1 {
			number = append([]byte{}, result.Values()[0]...)
		}
		if scan.Kind == outbox.ScanExpectNothing && len(report.First) < firstFew {
			report.First = append(report.First, shownRow(result.Values()))
		}
	}
	fields := result.FieldDescriptions()
	tag, err := result.Close()
	if err != nil {
		return report, err
	}
	rows := tag.RowsAffected()
	if scan.Counts && rows == 1 && len(fields) == 1 {
		rows = counted(fields[0].DataTypeOID, string(number))
	}
	report.Rows = &rows
	if scan.Kind == outbox.ScanExpectNothing && rows > 0 {
		report.Result = outbox.ScanFound
		for _, field := range fields {
			report.Columns = append(report.Columns, field.Name)
		}
	}
	return report, nil
}

// scanTag names the scan where the server shows its statement.
func scanTag(scan outbox.Scan) string { return "/* orderbell:scan " + scan.Name + " */ " }

// counted is what a single value says: a number itself, nothing 0, and anything else is a row.
func counted(kind uint32, text string) int64 {
	switch kind {
	case voidOID:
		return 0
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.NumericOID:
		if text == "" { // NULL
			return 0
		}
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n
		}
	}
	return 1
}

// shownRow copies a row in as much as is shown of it.
func shownRow(values [][]byte) []*string {
	row := make([]*string, len(values))
	for i, value := range values {
		if value == nil {
			continue
		}
		text := []rune(storable(string(value)))
		if len(text) > longest {
			text = append(text[:longest], '…')
		}
		shown := string(text)
		row[i] = &shown
	}
	return row
}

type compensated struct {
	Listed, Enqueued, Refused int64
	Fault                     string
	Details                   []map[string]string
}

// compensate has the database enqueue what the query lists: no row comes here.
func compensate(ctx context.Context, conn *pgx.Conn, scan outbox.Scan) (outbox.ScanReport, error) {
	values, err := sqlScanCompensate.values(pgx.StrictNamedArgs{"query": strings.TrimRight(scan.Query, "; \t\r\n")})
	if err != nil {
		return outbox.ScanReport{}, err
	}
	found, err := collect[compensated](ctx, conn, scanTag(scan)+sqlScanCompensate.text, values)
	if err != nil {
		return outbox.ScanReport{}, err
	}
	row := found[0]
	report := outbox.ScanReport{Result: outbox.ScanDone, Rows: &row.Listed, Enqueued: &row.Enqueued}
	report.Columns = []string{"endpoint", "event", "order_no", "dedupe_key"}
	for _, detail := range row.Details {
		values := make([][]byte, len(report.Columns))
		for i, column := range report.Columns {
			values[i] = []byte(detail[column])
		}
		report.First = append(report.First, shownRow(values))
	}
	if row.Refused > 0 {
		report.Result = outbox.ScanFailed
		report.Error = fmt.Sprintf("left out %d of %d rows, the first because of %s", row.Refused, row.Listed, row.Fault)
	}
	return report, nil
}

// scanFault says why a run failed, in words that stay the same while it does.
func scanFault(ctx context.Context, err error, scan outbox.Scan, took time.Duration) string {
	var refused *pgconn.PgError
	cancelled := errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || hasCode(err, "57014")
	switch {
	case cancelled && ctx.Err() != nil:
		return "it was stopped before it was finished"
	case cancelled && took >= scan.Timeout:
		return "it took longer than its timeout, " + scan.Timeout.String()
	case errors.As(err, &refused):
		said := refused.Message
		for _, more := range []string{refused.Detail, refused.Hint} {
			if more != "" {
				said += "; " + more
			}
		}
		return said
	}
	return (&failure{"run the scan", err}).Error()
}
