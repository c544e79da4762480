package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	headerTimeout   = 5 * time.Second
	readTimeout     = 10 * time.Second
	writeTimeout    = time.Minute
	idleTimeout     = time.Minute
	shutdownTimeout = 5 * time.Second

	mostHeaderBytes = 16 << 10
	// mostConnections leaves descriptors for the deliveries of the same process.
	mostConnections = 512
)

// Serve answers on a listener until ctx ends, and then lets requests end within a few
// seconds. It closes the listener.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler, log *slog.Logger) error {
	server := &http.Server{
		Handler: handler, MaxHeaderBytes: mostHeaderBytes,
		ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug), // whoever connects can write there
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(newBounded(listener, mostConnections)) }()
	select {
	case err := <-served:
		_ = server.Close()
		return fmt.Errorf("serve merchants: %w", err)
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	err := server.Shutdown(ending)
	if err != nil {
		_ = server.Close()
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve merchants: %w", err)
	}
	return nil
}

// bounded accepts as many connections as it has room for; more wait in the queue of the
// system.
type bounded struct {
	net.Listener

	room   chan struct{}
	closed chan struct{}
	once   sync.Once
}

func newBounded(listener net.Listener, most int) *bounded {
	return &bounded{Listener: listener, room: make(chan struct{}, most), closed: make(chan struct{})}
}

func (b *bounded) Accept() (net.Conn, error) {
	select {
	case b.room <- struct{}{}:
	case <-b.closed:
		return nil, net.ErrClosed
	}
	conn, err := b.Listener.Accept()
	if err != nil {
		<-b.room
		return nil, err
	}
	return &leaving{Conn: conn, leave: sync.OnceFunc(func() { <-b.room })}, nil
}

func (b *bounded) Close() error {
	b.once.Do(func() { close(b.closed) })
	return b.Listener.Close()
}

// leaving makes room when it is closed.
type leaving struct {
	net.Conn

	leave func()
}

func (l *leaving) Close() error {
	defer l.leave()
	return l.Conn.Close()
}
