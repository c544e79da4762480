package merchant_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/orderbell/orderbell/internal/bench/merchant"
	"github.com/orderbell/orderbell/internal/pgtest"
)

// patience bounds a hang.
const patience = 20 * time.Second

func dial(t *testing.T, url string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// wants waits until the merchant has been sent so many requests, and had so many hanging.
func wants(t *testing.T, p *merchant.Process, requests, hanging int64) {
	t.Helper()
	pgtest.Eventually(t, patience, "the merchant to have the requests", func() error {
		if c := count(t, p); c.Requests != requests || c.Hanging != hanging {
			return fmt.Errorf("it has %+v", c)
		}
		return nil
	})
}

// letGo resets the merchant until so many requests are left hanging.
func letGo(t *testing.T, p *merchant.Process, left int64) {
	t.Helper()
	pgtest.Eventually(t, patience, "the others to be let go of", func() error {
		if err := p.Reset(); err != nil {
			return err
		}
		if c := count(t, p); c.Hanging != left {
			return fmt.Errorf("%d hang", c.Hanging)
		}
		return nil
	})
}

// What hangs is counted while it does, and is let go of when the other end gives up.
func TestHangs(t *testing.T) {
	t.Parallel()
	p := start(t)
	first, second := dial(t, p.URL), dial(t, p.URL)
	for _, conn := range []net.Conn{first, second} {
		if _, err := io.WriteString(conn, "POST /h HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc"); err != nil {
			t.Fatal(err)
		}
	}
	wants(t, p, 2, 2)
	first.Close()
	letGo(t, p, 1)
	// Nothing came back: the other end is told so only when the merchant ends.
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(second); len(answer) > 0 {
		t.Errorf("answered %q, %v", answer, err)
	}
}

// While one hangs, others are answered.
func TestHangsAlone(t *testing.T) {
	t.Parallel()
	p, client := start(t), newClient(t)
	if _, err := io.WriteString(dial(t, p.URL), "GET /h HTTP/1.1\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	wants(t, p, 1, 1)
	if status, answer := post(t, client, p.URL+"/d/0s", "one", "{}"); status != http.StatusOK || answer != "success" {
		t.Errorf("answered %d %q", status, answer)
	}
}

func refused(ctx context.Context, url string) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", strings.TrimPrefix(url, "http://"))
	if err == nil {
		conn.Close()
		return errors.New("a connection was accepted")
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return err
	}
	return nil
}

// A door that is shut refuses connections, has closed those that were open, and opens
// at the same address.
func TestDoor(t *testing.T) {
	t.Parallel()
	p := start(t)
	door, err := p.Shut()
	if err != nil {
		t.Fatal(err)
	}
	if err := refused(t.Context(), door); err != nil {
		t.Errorf("a door that was never open: %v", err)
	}
	for range 2 {
		if err := p.Open(); err != nil {
			t.Fatal(err)
		}
		if _, answer := post(t, newClient(t), door+"/r/0s", "one", "{}"); answer != "success" {
			t.Errorf("answered %q", answer)
		}
		inside := dial(t, door)
		if _, err := io.WriteString(inside, "GET /h HTTP/1.1\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		wants(t, p, 2, 1)
		again, err := p.Shut()
		if err != nil || again != door {
			t.Fatalf("the door was at %s, and is at %s: %v", door, again, err)
		}
		if _, err := io.ReadAll(inside); err != nil && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("a connection from before: %v", err)
		}
		if err := refused(t.Context(), door); err != nil {
			t.Error(err)
		}
		letGo(t, p, 0)
	}
	// The merchant's own address is no matter of the door.
	if _, answer := post(t, newClient(t), p.URL+"/d/0s", "one", "{}"); answer != "success" {
		t.Errorf("answered %q", answer)
	}
}
