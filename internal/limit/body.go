package limit

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// connKey is where a request's context has its connection.
type connKey struct{}

// ConnContext is [http.Server.ConnContext].
func (l *Lobby) ConnContext(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// Handler returns next for a server that has told the lobby of the connections of its requests. A connection is silent again until the body that its request announced is
// there: a request whose body is held back would otherwise keep its place for as long as the server waits, and is no more than half a request.
func (l *Lobby) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(connKey{}).(net.Conn); ok && r.Body != nil && r.Body != http.NoBody {
			l.falls(c, time.Now())
			r.Body = &awaited{ReadCloser: r.Body, whole: func() { l.speaks(c) }}
		}
		next.ServeHTTP(w, r)
	})
}

// awaited is a body of which whole hears, once, when all of it was read.
type awaited struct {
	io.ReadCloser
	once  sync.Once
	whole func()
}

func (a *awaited) Read(p []byte) (int, error) {
	n, err := a.ReadCloser.Read(p)
	if err == io.EOF {
		a.once.Do(a.whole)
	}
	return n, err
}
