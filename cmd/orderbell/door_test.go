package main_test

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/orderbell/orderbell/internal/pgtest"
)

// door stands before a database: first it turns everybody away, once opened it
// lets everybody through.
type door struct {
	t       testing.TB
	url     string // of the database, through the door
	behind  string
	knocked atomic.Int32
	opened  atomic.Bool
}

func newDoor(t testing.TB, database string) *door {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &door{t: t, behind: u.Host}
	u.Host = listener.Addr().String()
	d.url = u.String()
	var visits sync.WaitGroup
	visits.Go(func() {
		for {
			visitor, err := listener.Accept()
			if err != nil {
				return
			}
			visits.Go(func() { d.visit(visitor) })
		}
	})
	// The program that comes through has ended by then: cleanups run backwards.
	t.Cleanup(func() { _ = listener.Close(); visits.Wait() })
	return d
}

func (d *door) visit(visitor net.Conn) {
	defer visitor.Close()
	if !d.opened.Load() {
		d.knocked.Add(1)
		// What is left unread would make the close a reset, with ports in its error.
		_, _ = visitor.Read(make([]byte, 1024))
		return
	}
	database, err := net.Dial("tcp", d.behind)
	if err != nil {
		return
	}
	defer database.Close()
	go func() {
		_, _ = io.Copy(database, visitor)
		_ = database.Close()
	}()
	_, _ = io.Copy(visitor, database)
}

func (d *door) open() { d.opened.Store(true) }

// knocks waits until so many were turned away.
func (d *door) knocks(n int32) {
	d.t.Helper()
	pgtest.Eventually(d.t, patience, fmt.Sprintf("%d knocks", n), func() error {
		if got := d.knocked.Load(); got < n {
			return fmt.Errorf("%d came", got)
		}
		return nil
	})
}
