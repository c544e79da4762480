package chaos_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/chaos"
)

func TestProxyPassesOn(t *testing.T) {
	t.Parallel()
	server := listenAsBackend(t)
	proxy := chaos.NewProxy(t, server.address())
	client, backend := throughProxy(t, proxy, server)
	sent := make([]byte, 1<<20)
	_, _ = rand.Read(sent)
	go func() {
		_, _ = client.Write(sent)
		_ = client.CloseWrite()
	}()
	got, err := io.ReadAll(backend)
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("the backend got %d of %d bytes: %v", len(got), len(sent), err)
	}
	say(t, backend, "thanks") // the other direction is still open
	hears(t, client, "thanks")
	if n := proxy.Connections(); n != 1 {
		t.Errorf("it counts %d connections", n)
	}
	_ = backend.Close()
	if rest, err := io.ReadAll(client); err != nil || len(rest) > 0 {
		t.Errorf("the client read %q: %v", rest, err)
	}
	untilNoConnections(t, proxy)
}

func TestProxyDelays(t *testing.T) {
	t.Parallel()
	const delay = 50 * time.Millisecond
	server := listenAsBackend(t)
	proxy := chaos.NewProxy(t, server.address())
	client, backend := throughProxy(t, proxy, server)
	proxy.Delay(delay)
	began := time.Now()
	say(t, client, "there")
	hears(t, backend, "there")
	say(t, backend, "back")
	hears(t, client, "back")
	if took := time.Since(began); took < 2*delay {
		t.Errorf("there and back took %s", took)
	}
	proxy.Delay(time.Hour)
	say(t, client, "too late") // and the clean-up doesn't wait for it
}

func TestProxyDropsOneDirection(t *testing.T) {
	t.Parallel()
	for name, toClient := range map[string]bool{"to the client": true, "to the server": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := listenAsBackend(t)
			proxy := chaos.NewProxy(t, server.address())
			client, backend := throughProxy(t, proxy, server)
			innocent, innocentBackend := throughProxy(t, proxy, server)
			near, far, drop := client, backend, proxy.DropToServer
			if toClient {
				near, far, drop = backend, client, proxy.DropToClient
			}
			drop(true)
			say(t, near, "lost")
			untilLost(t, proxy)
			say(t, far, "the other way")
			hears(t, near, "the other way")
			drop(false)
			// A stream that lost something must not go on as if it hadn't.
			broken(t, far, syscall.ECONNRESET)
			say(t, innocent, "whole")
			hears(t, innocentBackend, "whole")
		})
	}
}

func TestProxyDropsTheEnd(t *testing.T) {
	t.Parallel()
	server := listenAsBackend(t)
	proxy := chaos.NewProxy(t, server.address())
	client, backend := throughProxy(t, proxy, server)
	proxy.DropToClient(true)
	_ = backend.CloseWrite()
	untilLost(t, proxy)
	proxy.Heal()
	broken(t, client, syscall.ECONNRESET)
}

func TestProxyResets(t *testing.T) {
	t.Parallel()
	server := listenAsBackend(t)
	proxy := chaos.NewProxy(t, server.address())
	client, backend := throughProxy(t, proxy, server)
	proxy.Reset()
	broken(t, client, syscall.ECONNRESET)
	broken(t, backend, syscall.ECONNRESET)
	untilNoConnections(t, proxy)
	client, backend = throughProxy(t, proxy, server)
	say(t, client, "again")
	hears(t, backend, "again")
}

// One end's reset is the other's.
func TestProxyPassesResetsOn(t *testing.T) {
	t.Parallel()
	server := listenAsBackend(t)
	proxy := chaos.NewProxy(t, server.address())
	client, backend := throughProxy(t, proxy, server)
	_ = backend.SetLinger(0)
	_ = backend.Close()
	broken(t, client, syscall.ECONNRESET)
	untilNoConnections(t, proxy)
}

func TestProxyRefuses(t *testing.T) {
	t.Parallel()
	server := listenAsBackend(t)
	proxy := chaos.NewProxy(t, server.address())
	client, backend := throughProxy(t, proxy, server)
	for range 2 {
		proxy.Refuse(true)
		if _, err := dialProxy(t, proxy.Addr()); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("the connect said %v", err)
		}
		say(t, client, "still here")
		hears(t, backend, "still here")
		proxy.Refuse(false)
		other, otherBackend := throughProxy(t, proxy, server)
		say(t, other, "again")
		hears(t, otherBackend, "again")
	}
}

func TestProxyMovesToAnotherBackend(t *testing.T) {
	t.Parallel()
	first, second := listenAsBackend(t), listenAsBackend(t)
	proxy := chaos.NewProxy(t, first.address())
	client, backend := throughProxy(t, proxy, first)
	proxy.SetBackend(second.address())
	other, otherBackend := throughProxy(t, proxy, second)
	say(t, other, "moved")
	hears(t, otherBackend, "moved")
	say(t, client, "stayed")
	hears(t, backend, "stayed")
}

func TestProxyOfABackendThatIsAway(t *testing.T) {
	t.Parallel()
	server := listenAsBackend(t)
	proxy := chaos.NewProxy(t, server.address())
	_ = server.listener.Close()
	client, err := dialProxy(t, proxy.Addr())
	switch {
	case err == nil:
		broken(t, client, syscall.ECONNRESET)
	case !errors.Is(err, syscall.ECONNRESET): // which may come before the connect returns
		t.Errorf("the connect said %v", err)
	}
	untilNoConnections(t, proxy)
}

func TestProxyHealsEverything(t *testing.T) {
	t.Parallel()
	server := listenAsBackend(t)
	proxy := chaos.NewProxy(t, server.address())
	proxy.Delay(time.Hour)
	proxy.DropToClient(true)
	proxy.DropToServer(true)
	proxy.Refuse(true)
	proxy.Heal()
	client, backend := throughProxy(t, proxy, server)
	say(t, client, "there")
	hears(t, backend, "there")
	say(t, backend, "back")
	hears(t, client, "back")
}
