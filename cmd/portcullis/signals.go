package main

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"portcullis/internal/node"
)

// untilSignal returns a context that ends with the first signal: orderly on SIGTERM, with the cause [node.ErrNow] on SIGINT, for then a
// person waits. A second signal ends the process at once. stop gives the signals back.
func untilSignal(parent context.Context) (ctx context.Context, stop func()) {
	signals := make(chan os.Signal, 2) // the two that count
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithCancelCause(parent)
	done := make(chan struct{})
	var listening sync.WaitGroup
	listening.Go(func() {
		select {
		case s := <-signals:
			cancel(causeOf(s))
		case <-done:
			return
		}
		select {
		case <-signals:
			os.Exit(failed)
		case <-done:
		}
	})
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		listening.Wait()
		cancel(nil)
	}
}

func causeOf(s os.Signal) error {
	if s == os.Interrupt {
		return node.ErrNow
	}
	return context.Canceled
}

// hangups returns what each SIGHUP is told through; several that come while one is worked on are one. stop gives the signal back.
func hangups() (told <-chan os.Signal, stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	return signals, func() { signal.Stop(signals) }
}
