package config

import (
	"strconv"
	"strings"
)

// Problem is one thing that is wrong with a configuration, or one warning.
type Problem struct {
	// Source is the file or the environment variable; empty if neither is to blame.
	Source string
	// Line and Column count from 1 in the file; 0 where no place can be named.
	Line, Column int
	// Key is the path of the key; empty for a problem of the file as a whole.
	Key string
	// Text says what is wrong and what is allowed, and never holds a password.
	Text string
}

// String prints a problem the way compilers do, so that editors find the place:
//
//	config.yaml:12:3: worker.concurrency: "many" is no whole number; allowed: 1 to 10000
//	ORDERBELL_LOG_LEVEL: "loud" is not known; allowed: debug, info, warn, error
func (p Problem) String() string {
	var parts []string
	if p.Line > 0 {
		parts = append(parts, p.Source+":"+strconv.Itoa(p.Line)+":"+strconv.Itoa(p.Column))
	} else if p.Source != "" {
		parts = append(parts, p.Source)
	}
	if p.Key != "" && p.Source != variable(p.Key) {
		parts = append(parts, p.Key)
	}
	return strings.Join(append(parts, p.Text), ": ")
}

// Error holds everything that is wrong with a configuration, in the order of the
// file and then of the environment. It has one problem at least.
type Error struct {
	Problems []Problem
	// Database is what could be read of it all the same, for those who can judge
	// more of a URL than this package; and Scans for those who can judge a schedule.
	Database Database
	Scans    []Scan
}

// Error prints a line for each problem.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}
