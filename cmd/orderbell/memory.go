package main

import (
	"os"
	"runtime/debug"
)

// gcPercent lets the heap of a worker grow to five times what is in use before it
// is collected, instead of twice: a few megabytes are in use, so that collecting
// was a fifth of the worker's CPU.
const gcPercent = 400

// collectLess sets that, unless GOGC says otherwise.
func collectLess() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}
