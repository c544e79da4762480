package main

import (
	"os"
	"runtime/debug"
)

// gcPercent lets the heap of a worker grow to five times what is in use before it
// is collected, instead of twice. Only a few megabytes are in use: 10,000 deliveries
// took 0.44 s of the worker's CPU instead of 0.53 s (bench --only drain).
const gcPercent = 400

// collectLess sets that, unless GOGC says otherwise.
func collectLess() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}
