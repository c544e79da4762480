package api_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orderbell/orderbell/internal/api"
)

// hall is a listener whose connections are pipes, so that a test can turn its own clock.
type hall struct {
	coming chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func newHall() *hall { return &hall{coming: make(chan net.Conn), closed: make(chan struct{})} }

func (h *hall) Accept() (net.Conn, error) {
	select {
	case conn := <-h.coming:
		return conn, nil
	case <-h.closed:
		return nil, net.ErrClosed
	}
}

func (h *hall) Close() error   { h.once.Do(func() { close(h.closed) }); return nil }
func (h *hall) Addr() net.Addr { return &net.TCPAddr{} }

// visit connects; false where nobody accepts.
func (h *hall) visit() (net.Conn, bool) {
	ours, theirs := net.Pipe()
	select {
	case h.coming <- theirs:
		return ours, true
	case <-time.After(time.Second):
		return nil, false
	}
}

// serving runs a server until stop is called.
func serving(h *hall, handler http.Handler) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- api.Serve(ctx, h, handler, slog.New(slog.DiscardHandler)) }()
	return func() error { cancel(); return <-ended }
}

var fine = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "fine") })

// statusOf reads the first line of an answer; empty where there is none.
func statusOf(conn net.Conn) string {
	line, _ := bufio.NewReader(conn).ReadString('\n')
	return line
}

// Who sends its headers a byte at a time, or never ends them, is cut off.
func TestSlowHeadersAreCutOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHall()
		stop := serving(h, fine)
		conn, _ := h.visit()
		began := time.Now()
		_, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n")
		for err == nil && time.Since(began) < time.Minute {
			time.Sleep(100 * time.Millisecond)
			_, err = io.WriteString(conn, "X-Slow: 1\r\n")
		}
		if took := time.Since(began); took > api.HeaderTimeout+time.Second {
			t.Errorf("it was cut off after %s", took)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestHugeHeadersAreRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHall()
		stop := serving(h, fine)
		conn, _ := h.visit()
		go func() {
			_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\nX: "+strings.Repeat("x", 64<<10)+"\r\n\r\n")
		}()
		if status := statusOf(conn); !strings.Contains(status, " 431 ") {
			t.Errorf("the answer is %q", status)
		}
		_ = conn.Close()
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// A connection that is idle is closed, and those that there is no room for wait.
func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHall()
		stop := serving(h, fine)
		var held []net.Conn
		for {
			conn, ok := h.visit()
			if !ok {
				break
			}
			held = append(held, conn)
		}
		if n := len(held); n < 256 || n > 1024 {
			t.Errorf("%d connections were accepted", n)
		}
		_ = held[0].Close() // its place is free
		synctest.Wait()
		last, ok := h.visit()
		if !ok {
			t.Fatal("nobody accepts any more")
		}
		held = append(held, last)
		if err := stop(); err != nil { // with no room, too
			t.Error(err)
		}
		for _, conn := range held {
			_ = conn.Close()
		}
	})
}

// Stopping lets requests end, but not for ever.
func TestStopping(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		takes time.Duration
		gets  bool
	}{
		"soon": {takes: 3 * time.Second, gets: true},
		"late": {takes: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := newHall()
				stop := serving(h, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					select {
					case <-time.After(test.takes):
						fine(w, r)
					case <-r.Context().Done():
					}
				}))
				conn, _ := h.visit()
				answered := make(chan bool)
				go func() {
					_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
					answered <- strings.Contains(statusOf(conn), " 200 ")
				}()
				synctest.Wait()
				began := time.Now()
				if err := stop(); err != nil {
					t.Error(err)
				}
				if took := time.Since(began); took > 10*time.Second {
					t.Errorf("it took %s", took)
				}
				if got := <-answered; got != test.gets {
					t.Errorf("answered: %v", got)
				}
				_ = conn.Close()
			})
		})
	}
}

type broken struct{ *hall }

func (broken) Accept() (net.Conn, error) { return nil, errors.New("out of luck") }

func TestAListenerThatFails(t *testing.T) {
	t.Parallel()
	err := api.Serve(t.Context(), broken{newHall()}, fine, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "out of luck") {
		t.Errorf("it ended with %v", err)
	}
}
