package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// onSignals turns the first SIGINT or SIGTERM into the end of the context, and the
// second into the closing of hurry; the third ends the process at once. release
// gives the signals back and ends the context.
func onSignals(parent context.Context, log *slog.Logger) (ctx context.Context, hurry <-chan struct{}, release func()) {
	ctx, cancel := context.WithCancel(parent)
	hurried, released := make(chan struct{}), make(chan struct{})
	received := make(chan os.Signal, 3)
	signal.Notify(received, syscall.SIGINT, syscall.SIGTERM)
	steps := []func(os.Signal){
		func(s os.Signal) {
			cancel()
			log.Info("stopping when the requests in flight have their answers; a second signal hands them back", "signal", s.String())
		},
		func(s os.Signal) {
			close(hurried)
			log.Info("stopping now, handing back the requests in flight; a third signal ends the process at once", "signal", s.String())
		},
		func(s os.Signal) {
			log.Error("ended at once; what was not settled will be recorded as unknown", "signal", s.String())
			os.Exit(1)
		},
	}
	go func() {
		for _, step := range steps {
			select {
			case s := <-received:
				step(s)
			case <-released:
				return
			}
		}
	}()
	return ctx, hurried, func() { signal.Stop(received); close(released); cancel() }
}
