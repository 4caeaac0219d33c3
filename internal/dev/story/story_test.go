package story_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"portcullis/internal/dev/story"
)

// Where nobody answers no line is ok, and nobody waits.
func TestAStoryWithoutAGateway(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nowhere := l.Addr().String()
	l.Close()
	g := story.Gateway{URL: "wss://" + nowhere, Roots: x509.NewCertPool(), Metrics: "http://" + nowhere + "/metrics"}

	var out bytes.Buffer
	begin := time.Now()
	err = story.Play(t.Context(), g, &story.Cast{Ana: "a", Ben: "b", Gus: "c", Expired: "d", Unsigned: "e"}, &out)
	if !errors.Is(err, story.ErrUnexpected) || !strings.Contains(err.Error(), "15 of 15 lines") {
		t.Errorf("got %v, want 15 of 15 lines as not expected in\n%s", err, &out)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := story.Play(ctx, g, new(story.Cast), &out); !errors.Is(err, context.Canceled) || errors.Is(err, story.ErrUnexpected) {
		t.Errorf("got %v, want that it was cancelled, and no verdict", err)
	}
}
