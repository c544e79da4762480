package chaos_test

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/chaos"
)

// tcpUserTimeout is missing from package syscall on some machines.
const tcpUserTimeout = 0x12

// What was sent isn't acknowledged, though the proxy lives: the kernel itself gives
// up. Without the fault it doesn't, however long nobody answers.
func TestHalfOpenMeetsTheUserTimeout(t *testing.T) {
	t.Parallel()
	server := listenAsBackend(t)
	proxy := chaos.NewProxy(t, server.address())
	client, backend := throughProxy(t, proxy, server)
	setOption(t, client, tcpUserTimeout, 1000)
	say(t, client, "before")
	hears(t, backend, "before")
	proxy.HalfOpen()
	healthy, healthyBackend := throughProxy(t, proxy, server)
	setOption(t, healthy, tcpUserTimeout, 1000)
	say(t, healthy, "new ones work")
	say(t, client, "after")
	broken(t, client, syscall.ETIMEDOUT)
	hears(t, healthyBackend, "new ones work")
	say(t, healthy, "and are acknowledged")
	hears(t, healthyBackend, "and are acknowledged")
	silent(t, backend)
	if n := proxy.Connections(); n != 2 {
		t.Errorf("it counts %d connections", n)
	}
}

// An end that says nothing finds out by its keepalive, on either side.
func TestHalfOpenMeetsTheKeepalive(t *testing.T) {
	t.Parallel()
	server := listenAsBackend(t)
	proxy := chaos.NewProxy(t, server.address())
	client, backend := throughProxy(t, proxy, server)
	for _, conn := range []*net.TCPConn{client, backend} {
		err := conn.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: time.Second, Interval: time.Second, Count: 2})
		if err != nil {
			t.Fatal(err)
		}
	}
	proxy.HalfOpen()
	broken(t, client, syscall.ETIMEDOUT)
	broken(t, backend, syscall.ETIMEDOUT)
}

// An end that hung up meanwhile is not there any more; the others go on.
func TestHalfOpenHeals(t *testing.T) {
	t.Parallel()
	server := listenAsBackend(t)
	proxy := chaos.NewProxy(t, server.address())
	client, backend := throughProxy(t, proxy, server)
	gone, goneBackend := throughProxy(t, proxy, server)
	proxy.HalfOpen()
	say(t, client, "there")
	say(t, backend, "back")
	_ = gone.Close()
	silent(t, client)
	silent(t, backend)
	silent(t, goneBackend)
	proxy.Heal()
	hears(t, backend, "there") // sent again by the kernels
	hears(t, client, "back")
	say(t, client, "and on")
	hears(t, backend, "and on")
}

// What the vanished host had acknowledged, it had not yet passed on.
func TestHalfOpenHoldsWhatIsOnItsWay(t *testing.T) {
	t.Parallel()
	server := listenAsBackend(t)
	proxy := chaos.NewProxy(t, server.address())
	client, backend := throughProxy(t, proxy, server)
	proxy.Delay(100 * time.Millisecond)
	say(t, client, "on its way")
	proxy.HalfOpen()
	silent(t, backend)
	proxy.Heal()
	hears(t, backend, "on its way")
}

func TestSilentLeavesConnectsUnanswered(t *testing.T) {
	t.Parallel()
	server := listenAsBackend(t)
	proxy := chaos.NewProxy(t, server.address())
	client, backend := throughProxy(t, proxy, server)
	proxy.Silent(true)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := new(net.Dialer).DialContext(ctx, "tcp4", proxy.Addr()); !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the connect said %v", err)
	}
	say(t, client, "still here")
	hears(t, backend, "still here")
	// It outlives a refusal, and who still tries when it ends is let in.
	proxy.Refuse(true)
	proxy.Refuse(false)
	dialled := make(chan error, 1)
	go func() {
		_, err := dialProxy(t, proxy.Addr())
		dialled <- err
	}()
	select {
	case err := <-dialled:
		t.Fatalf("the connect said %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	proxy.Silent(false)
	if err := <-dialled; err != nil {
		t.Errorf("the connect said %v", err)
	}
}

// A program that asks for any free port must not be given the proxy's.
func TestRefusingKeepsThePort(t *testing.T) {
	t.Parallel()
	proxy := chaos.NewProxy(t, "127.0.0.1:1")
	proxy.Refuse(true)
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Close(fd) }()
	address, err := net.ResolveTCPAddr("tcp4", proxy.Addr())
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Port: address.Port, Addr: [4]byte{127, 0, 0, 1}}); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("another socket got the port: %v", err)
	}
}

// silent sees that nothing comes for a moment. Something that comes later goes
// unnoticed, so it can't fail where it should hold.
func silent(t *testing.T, conn *net.TCPConn) {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	var timeout net.Error
	if n, err := conn.Read(make([]byte, 1)); !errors.As(err, &timeout) || !timeout.Timeout() || errors.Is(err, syscall.ETIMEDOUT) {
		t.Fatalf("it read %d bytes: %v", n, err)
	}
}

func setOption(t *testing.T, conn syscall.Conn, name, value int) {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, name, value) })
	if err := errors.Join(err, failed); err != nil {
		t.Fatal(err)
	}
}
