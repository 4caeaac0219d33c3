package walls_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"portcullis/internal/config"
	"portcullis/internal/node"
)

// house is the real node that a world lives in.
type house struct {
	*node.Node
	t          *testing.T
	file       string // the configuration
	log, audit written
}

// written is a log.
type written struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (w *written) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

func (w *written) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

func build(t *testing.T, w *world) *house {
	t.Helper()
	h := &house{t: t, file: filepath.Join(t.TempDir(), "portcullis.yaml")}
	text := w.yaml(t)
	if err := h.write(text); err != nil {
		t.Fatal(err)
	}
	c, problems := config.Load(h.file)
	if config.Failed(problems) {
		t.Fatalf("%v\n%s", problems, text)
	}
	h.Node, problems = node.New(node.Options{Config: c, File: h.file, Log: slog.New(slog.NewJSONHandler(&h.log, &slog.HandlerOptions{Level: slog.LevelDebug})), Audit: &h.audit})
	if h.Node == nil {
		t.Fatalf("%v\n%s", problems, text)
	}
	if err := h.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancelCause(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.Run(ctx) }()
	t.Cleanup(func() {
		stop(node.ErrNow)
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	for !h.Ready() {
		time.Sleep(time.Millisecond)
	}
	return h
}

// write puts a configuration into the place of the one before.
func (h *house) write(text string) error { return os.WriteFile(h.file, []byte(text), 0o600) }

// asks sends a request to one of the listeners.
func (h *house) asks(method, address, path, token, body string) (status int, text string) {
	h.t.Helper()
	r, err := http.NewRequest(method, "http://"+address+path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(answer.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	if address == h.Addr() {
		if err := answersAsContracted(method, path, answer, said); err != nil {
			h.t.Fatal(err)
		}
	}
	return answer.StatusCode, string(said)
}

// audited looks through everything that an operator can read.
func (h *house) audited(parties []*party) error {
	for name, text := range map[string]string{"the log": h.log.String(), "the security log": h.audit.String()} {
		for line := range strings.Lines(text) {
			var of *party
			for _, p := range parties {
				if mark := p.marked(line); mark != "" && of != nil {
					return fmt.Errorf("a line of %s is about two tenants, %s and %s: %s", name, of.id, p.id, line)
				} else if mark != "" {
					of = p
				}
			}
		}
	}
	_, metrics := h.asks(http.MethodGet, h.AdminAddr(), "/metrics", "", "")
	for _, p := range parties {
		if mark := p.marked(metrics); mark != "" {
			return fmt.Errorf("/metrics names %s", mark)
		}
	}
	_, page := h.asks(http.MethodGet, h.AdminAddr(), "/metrics/tenants", "", "")
	for _, p := range parties {
		own := fmt.Sprintf("tenant=%q", p.id)
		if strings.Contains(page, own) == p.away {
			return fmt.Errorf("/metrics/tenants does not know whether %s is there: away is %v", p.id, p.away)
		}
		if mark := p.marked(strings.ReplaceAll(page, own, "")); mark != "" {
			return fmt.Errorf("/metrics/tenants names %s otherwise than as a tenant", mark)
		}
	}
	if !strings.Contains(metrics, "portcullis_acl_decisions_total") {
		return fmt.Errorf("/metrics says nothing: %.300s", metrics)
	}
	return nil
}

// marked returns a text of the tenant's own that stands in text.
func (p *party) marked(text string) string {
	for _, mark := range p.marks {
		if strings.Contains(text, mark) {
			return mark
		}
	}
	return ""
}
