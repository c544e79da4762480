package outbox

import "time"

// ScanKind says what the rows of a scan mean.
type ScanKind string

// Kinds of scans.
const (
	ScanRun           ScanKind = "run"            // nothing: the statement does its work itself
	ScanCompensate    ScanKind = "compensate"     // each lacks a notification, and is enqueued
	ScanExpectNothing ScanKind = "expect_nothing" // each is a gap
)

// Scan is a statement of the operator's that runs on a schedule.
type Scan struct {
	Name string
	Kind ScanKind
	// Query is one SQL statement. Of kind ScanCompensate it returns the columns endpoint,
	// event, order_no, body and dedupe_key.
	Query string
	// Counts: where the result is one number, it counts, instead of the rows.
	Counts bool
	// Timeout is how long a run may take.
	Timeout time.Duration
}

// ScanResult is what a run of a scan came to.
type ScanResult string

// Results of runs.
const (
	ScanDone    ScanResult = "done"
	ScanFound   ScanResult = "found"   // there are gaps
	ScanFailed  ScanResult = "failed"  // Report.Error says why
	ScanSkipped ScanResult = "skipped" // the run before was still going on
)

// ScanReport is a run of a scan, as it is recorded.
type ScanReport struct {
	Result ScanResult
	// Rows is how many rows there were, or what they counted; nil where there is no telling.
	// Enqueued is how many of them were new, of kind ScanCompensate alone.
	Rows, Enqueued *int64
	Error          string
	// Columns and First are the first few gaps, or of what was enqueued.
	Columns []string
	First   [][]*string // nil for NULL
	// Took is 0 where it was skipped.
	Took time.Duration
}
