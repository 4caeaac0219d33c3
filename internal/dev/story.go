package dev

import (
	"context"
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

// step is one line of the story. It went well when what happened is what was expected.
type step struct {
	number   int // 0 goes on with the one above
	tries    string
	expected string
	do       func(ctx context.Context) string
	counts   *series // which the gateway must have counted once more for it
}

// play tries everything in order and says how it went. It returns an error unless all was as expected.
func (g *gateway) play(ctx context.Context, out io.Writer, c *cast) error {
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
	if ctx.Err() != nil {
		return fmt.Errorf("the story was interrupted: %w", context.Cause(ctx))
	}
	if p.failed == 0 {
		fmt.Fprintf(out, "\nAll %d lines as expected, in %d ms.\n", p.lines, time.Since(begin).Milliseconds())
		return nil
	}
	fmt.Fprintf(out, "\n%d of %d lines are not as expected. What the gateway wrote into its log meanwhile:\n\n", p.failed, p.lines)
	verdict := fmt.Errorf("the story did not go as expected in %d of %d lines, marked FAIL", p.failed, p.lines)
	return errors.Join(verdict, g.curtain.told(out))
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
