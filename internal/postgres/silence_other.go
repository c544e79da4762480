//go:build !linux

package postgres

import "syscall"

// limitSilence has nothing to set here: keepalives notice an idle connection that is
// dead, and the bounds of statements one that is used.
func limitSilence(string, string, syscall.RawConn) error { return nil }
