package devpg

import (
	"bytes"
	"os"
	"slices"
)

const tailLines = 12

// logSince is what this run of postgres wrote into the log.
func (s *Server) logSince(p *process) []byte {
	content, err := os.ReadFile(s.logFile())
	if err != nil || int64(len(content)) < p.logged {
		return nil
	}
	return content[p.logged:]
}

// tail is the last lines of an output, each indented.
func tail(output []byte) []byte {
	output = bytes.TrimSpace(output)
	if len(output) == 0 {
		return []byte("    (nothing)")
	}
	lines := bytes.Split(output, []byte("\n"))
	lines = slices.Clone(lines[max(0, len(lines)-tailLines):])
	for i, line := range lines {
		lines[i] = append([]byte("    "), line...)
	}
	return bytes.Join(lines, []byte("\n"))
}
