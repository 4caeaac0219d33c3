// Package story plays clients, good and bad, against a gateway, and tells line by line what each expected and what happened. It sees of the
// gateway what clients and a scraper see.
package story

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"time"
)

const (
	// storyBy and stepBy bound a story in which something hangs. One that goes well takes a fraction of a second.
	storyBy = 15 * time.Second
	stepBy  = 3 * time.Second
)

// ErrUnexpected is that something in the story happened otherwise.
var ErrUnexpected = errors.New("the story did not go as expected")

// Gateway is where the story is played.
type Gateway struct {
	URL     string         // wss://
	Roots   *x509.CertPool // whom the gateway's certificate is of
	Metrics string         // the page that is scraped
}

// Device is who [Cast].Door is.
const Device = "door.acme.example"

// Cast are the credentials that are shown, of two tenants: acme, where only hosts publish on room:announcements, and globex.
type Cast struct {
	Ana, Ben, Gus     string // tokens: two members of acme, who are no hosts, and one of the staff of globex
	Expired, Unsigned string // Ana's, and neither of them good

	Door     tls.Certificate // of acme's authority
	Foreign  tls.Certificate // of globex's
	Stranger tls.Certificate // of one that no tenant knows
}

// step is one line of the story. It went well when what happened is what was expected.
type step struct {
	number   int // 0 goes on with the one above
	tries    string
	expected string
	do       func(ctx context.Context) string
	counts   *series // which the gateway must have counted once more for it
}

// Play tries everything in order and tells how it went, a line each. The error is [ErrUnexpected], with numbers, unless all was as expected.
func Play(ctx context.Context, g Gateway, c *Cast, out io.Writer) error {
	begin := time.Now()
	limited, cancel := context.WithTimeout(ctx, storyBy)
	defer cancel()
	s := newStage(g, c)
	defer s.clear()
	p := printer{out: out}
	p.head()
	for _, one := range s.script() {
		p.line(one, s.try(limited, one))
	}
	for _, one := range s.counted(limited) {
		p.line(one, s.try(limited, one))
	}
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("the story was interrupted: %w", context.Cause(ctx))
	case p.failed > 0:
		return fmt.Errorf("%w in %d of %d lines, marked FAIL", ErrUnexpected, p.failed, p.lines)
	}
	fmt.Fprintf(out, "\nAll %d lines as expected, in %d ms.\n", p.lines, time.Since(begin).Milliseconds())
	return nil
}

// try takes one step and adds what it must have been counted as.
func (s *stage) try(ctx context.Context, one step) string {
	ctx, cancel := context.WithTimeout(ctx, stepBy)
	defer cancel()
	if one.counts != nil {
		s.count(*one.counts)
	}
	return one.do(ctx)
}

// printer writes the lines of the story in columns. What happened is the last one, since an error may be long.
type printer struct {
	out           io.Writer
	lines, failed int
}

const columns = "%3s  %-4s  %-46s  %-28s  %s\n"

func (p *printer) head() {
	fmt.Fprintf(p.out, columns, "", "", "what is tried", "expected", "happened")
}

func (p *printer) line(s step, happened string) {
	number, verdict := "", "ok"
	if s.number != 0 {
		number = fmt.Sprint(s.number)
	}
	p.lines++
	if happened != s.expected {
		p.failed++
		verdict = "FAIL"
	}
	fmt.Fprintf(p.out, columns, number, verdict, s.tries, s.expected, happened)
}
