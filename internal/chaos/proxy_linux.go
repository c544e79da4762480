package chaos

import (
	"errors"
	"fmt"
	"net"
	"syscall"
)

// deafen has the kernel throw away every packet for a socket, before TCP looks at
// it: nothing is acknowledged. On a listener it does so with connects. It asks for
// packets that no router has passed on, with a TTL of 255 (RFC 5082), which
// no program sends unless told to. Rejected: SO_ATTACH_FILTER, which does the same
// and which some kernels refuse to ordinary users (EPERM without CAP_NET_ADMIN).
func deafen(socket syscall.Conn) error { return setLeastTTL(socket, 255) }

// hear undoes deafen. It is harmless where nothing is to be undone.
func hear(socket syscall.Conn) error { return setLeastTTL(socket, 0) }

func setLeastTTL(socket syscall.Conn, ttl int) error {
	raw, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, syscall.IP_MINTTL, ttl)
	})
	return errors.Join(err, failed)
}

// reservePort binds a socket that never listens: nobody else is given the port
// while the proxy refuses connections, and the proxy's own listener may have it.
func reservePort() (address string, release func(), err error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return "", nil, fmt.Errorf("make a socket: %w", err)
	}
	release = func() { _ = syscall.Close(fd) }
	errOption := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	errBind := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	name, errName := syscall.Getsockname(fd)
	if err := errors.Join(errOption, errBind, errName); err != nil {
		release()
		return "", nil, err
	}
	port := name.(*syscall.SockaddrInet4).Port
	return net.JoinHostPort("127.0.0.1", fmt.Sprint(port)), release, nil
}
