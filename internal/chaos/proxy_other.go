//go:build !linux

package chaos

import (
	"errors"
	"net"
	"syscall"
)

func deafen(syscall.Conn) error {
	return errors.New("HalfOpen and Silent need Linux, whose sockets can throw packets away unacknowledged")
}

func hear(syscall.Conn) error { return nil }

// reservePort finds a port that is free. Another program may take it while the
// proxy refuses connections.
func reservePort() (address string, release func(), err error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0") //nolint:noctx // it is closed at once
	if err != nil {
		return "", nil, err
	}
	return listener.Addr().String(), func() {}, listener.Close()
}
