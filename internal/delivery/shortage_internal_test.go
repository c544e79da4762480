package delivery

import (
	"net"
	"os"
	"syscall"
	"testing"
)

// What an endpoint can cause is never our fault, whatever an errno says elsewhere.
func TestShortages(t *testing.T) {
	t.Parallel()
	v4, v6 := &net.TCPAddr{IP: net.IPv4(203, 0, 113, 1), Port: 443}, &net.TCPAddr{IP: net.ParseIP("2a00:1450::1"), Port: 443}
	dial := func(to net.Addr, call string, errno syscall.Errno) error {
		return &net.OpError{Op: "dial", Net: "tcp", Addr: to, Err: os.NewSyscallError(call, errno)}
	}
	for _, c := range []struct {
		err  error
		want string
	}{
		{dial(v4, "socket", syscall.EMFILE), "too many open files"},
		{dial(v4, "socket", syscall.ENFILE), "too many open files in system"},
		{dial(v4, "connect", syscall.ENOBUFS), "no buffer space available"},
		{dial(v6, "socket", syscall.ENOMEM), "cannot allocate memory"},
		{dial(v6, "connect", syscall.ENETDOWN), "network is down"},
		{dial(v4, "connect", syscall.EADDRNOTAVAIL), "cannot assign requested address"},
		{dial(v6, "connect", syscall.EADDRNOTAVAIL), ""}, // a machine without IPv6
		{dial(v4, "connect", syscall.ECONNREFUSED), ""},
		{dial(v4, "connect", syscall.ENETUNREACH), ""},
		{dial(v4, "connect", syscall.EHOSTUNREACH), ""},
		{&net.DNSError{Err: "dial udp 127.0.0.53:53: socket: too many open files", Name: "shop.example"}, "DNS: too many open files"},
		{&net.DNSError{Err: "no such host", Name: "too many open files"}, ""},
		{&net.DNSError{Err: "server misbehaving", Name: "shop.example"}, ""},
	} {
		if got := shortage(c.err); got != c.want {
			t.Errorf("%v: got %q, want %q", c.err, got, c.want)
		}
	}
}
