package main

import (
	"fmt"
	"io"
	"os"
)

// mostKeyBytes bounds a secret or key that is read from a file.
const mostKeyBytes = 16 << 10

// readKey reads a secret or key from a file, or from standard input for -, without the line
// break at its end.
func readKey(standardInput io.Reader, path, what string) ([]byte, error) {
	in := standardInput
	if path != "-" {
		f, err := os.Open(path) //nolint:gosec // the operator names it
		if err != nil {
			return nil, fmt.Errorf("read the %s: %w", what, err)
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, mostKeyBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read the %s: %w", what, err)
	}
	for len(text) > 0 && (text[len(text)-1] == '\n' || text[len(text)-1] == '\r') {
		text = text[:len(text)-1]
	}
	if len(text) == 0 || len(text) > mostKeyBytes {
		return nil, usagef("the %s in %s is empty, or longer than %d bytes", what, path, mostKeyBytes)
	}
	return text, nil
}
