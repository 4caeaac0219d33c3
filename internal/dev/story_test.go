package dev

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"portcullis/internal/dev/house"
	"portcullis/internal/dev/story"
)

// row is a line of the story: its number or nothing, the verdict, and the rest.
var row = regexp.MustCompile(`(?m)^ ([ 0-9]{2}) {2}(ok|FAIL) +(\S.*)$`)

func TestTheStoryGoesAsExpected(t *testing.T) {
	temp := alone(t)
	var out page
	begin := time.Now()
	if err := Run(t.Context(), Options{Once: true, Stdout: &out}); err != nil {
		t.Errorf("got %v, want no error", err)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("it took %v, want less than 5s", took)
	}
	var numbers string
	for _, r := range row.FindAllStringSubmatch(out.String(), -1) {
		numbers += r[1]
		if r[2] != "ok" {
			t.Errorf("got %q, want ok", r[0])
		}
	}
	if want := " 1 2 3 4 5 6 7 8 9  10" + strings.Repeat("  ", 5); numbers != want {
		t.Errorf("got lines numbered %q, want %q in\n%s", numbers, want, &out)
	}
	for _, want := range []string{"Echo: Hello, Secure World!", "recovered one two three", "401 token_expired", "in as cert|door.acme.example", "All 16 lines as expected"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, &out)
		}
	}
	left(t, temp)
}

// A story that cannot fail shows nothing. Each of its steps is made to go wrong, and says so.
func TestEveryStepCanFail(t *testing.T) {
	tests := []struct {
		name   string
		change tamper
		line   string // the beginning of a line that must say FAIL
		says   string // in that line
	}{
		{"nobody may echo", edited("acme", "allow: [echo]", "allow: [history]", `["echo lab:rtt", "publish`, `["publish`,
			`["echo lab:rtt", "publish telemetry`, `["publish telemetry`), "ana of acme echoes", "forbidden"},
		{"members may not listen", edited("acme", "allow: [subscribe, publish, echo, history, presence]", "allow: [publish, echo]",
			`"subscribe room:announcements", `, ""), "ben listens", "forbidden"},
		{"rooms keep nothing", edited("acme", "history: { messages: 100, ttl: 10m }\n    presence: true", "presence: true"), "ana says three words", "a gap: no_history"},
		{"rooms keep too little", edited("acme", "messages: 100", "messages: 2"), "ana says three words", "a gap: trimmed"},
		{"anybody may announce", edited("acme", "deny: [publish]", "deny: [history]", `deny: ["publish room:announcements", `, "deny: ["),
			"ana publishes on room:announcements", "ok"},
		{"gus is of acme", func(h *house.House, c *story.Cast) (err error) {
			c.Gus, err = h.Acme.Token("gus", time.Now(), time.Now().Add(time.Hour), member)
			return err
		}, "gus of globex", "gus hears ana, ben hears ana and gus"},
		{"the expired token is good", func(_ *house.House, c *story.Cast) error { c.Expired = c.Ana; return nil }, "a token that expired", "in as ana"},
		{"the token without a signature has one", func(_ *house.House, c *story.Cast) error { c.Unsigned = c.Ana; return nil }, "a token without", "in as ana"},
		{"the door is of nobody", func(_ *house.House, c *story.Cast) error { c.Door = c.Stranger; return nil }, "a certificate of acme's", "401 unauthorized"},
		{"the foreign certificate is acme's", func(_ *house.House, c *story.Cast) error { c.Foreign = c.Door; return nil }, "ana's token beside", "in as ana"},
		{"the stranger is known", func(_ *house.House, c *story.Cast) error { c.Stranger = c.Foreign; return nil }, "a certificate of an authority nobody",
			"in as cert|door.globex.example"},
		{"a refusal has another reason", func(_ *house.House, c *story.Cast) error { c.Unsigned += "."; return nil },
			"refused, alg_not_allowed", "0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			temp := alone(t)
			var out page
			err := run(t.Context(), Options{Once: true, Stdout: &out}, tt.change)
			if err == nil || !strings.Contains(err.Error(), "not go as expected") {
				t.Errorf("got %v, want the verdict that it did not go as expected", err)
			}
			rows := row.FindAllStringSubmatch(out.String(), -1)
			i := slices.IndexFunc(rows, func(r []string) bool {
				return r[2] == "FAIL" && strings.HasPrefix(strings.TrimPrefix(r[3], "GET /metrics: "), tt.line)
			})
			if i < 0 || !strings.HasSuffix(rows[i][3], "  "+tt.says) {
				t.Errorf("want FAIL in %q, with %q, in\n%s", tt.line, tt.says, &out)
			}
			left(t, temp)
		})
	}
}

// edited replaces texts in a tenant's file, old and new by turns.
func edited(tenant string, pairs ...string) tamper {
	return func(h *house.House, _ *story.Cast) error {
		for p := range slices.Chunk(pairs, 2) {
			if err := edit(h, "tenants/"+tenant+".yaml", p[0], p[1]); err != nil {
				return err
			}
		}
		return nil
	}
}

func TestAFailedStoryShowsTheLog(t *testing.T) {
	alone(t)
	var out page
	err := run(t.Context(), Options{Once: true, Stdout: &out}, func(_ *house.House, c *story.Cast) error { c.Door = c.Stranger; return nil })
	if want := "reason=certificate_untrusted"; err == nil || !strings.Contains(out.String(), want) {
		t.Errorf("got %v, want an error, and %q in\n%s", err, want, &out)
	}
}

// The configuration is loaded as serve would: policy tests that fail keep it from running.
func TestARuleThatItsTestsForbidDoesNotRun(t *testing.T) {
	temp := alone(t)
	var out page
	err := run(t.Context(), Options{Once: true, Stdout: &out}, edited("acme", "deny: [publish]", "deny: [history]"))
	if err == nil || !strings.Contains(err.Error(), "tenants/acme.yaml:") || !strings.Contains(err.Error(), "publish room:announcements") {
		t.Errorf("got %v, want the file and the test that failed", err)
	}
	if strings.Contains(out.String(), "what is tried") {
		t.Errorf("the story was played:\n%s", &out)
	}
	left(t, temp)
}

func TestNobodyElseCanLookIntoTheHouse(t *testing.T) {
	temp := alone(t)
	files := 0
	var out page
	err := run(t.Context(), Options{Once: true, Stdout: &out}, func(h *house.House, _ *story.Cast) error {
		return filepath.WalkDir(h.Dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			want := fs.FileMode(0o600)
			if d.IsDir() {
				want = 0o700 | fs.ModeDir
			} else {
				files++
			}
			if info.Mode() != want {
				t.Errorf("%s: got mode %v, want %v", path, info.Mode(), want)
			}
			return nil
		})
	})
	if err != nil || files < 15 {
		t.Errorf("got %v and %d files, want at least 15", err, files)
	}
	left(t, temp)
}

func TestAnInterruptedStoryLeavesNothing(t *testing.T) {
	temp := alone(t)
	ctx, cancel := context.WithCancel(t.Context())
	var out page
	err := run(ctx, Options{Stdout: &out, Listen: anyPort, TLS: anyPort, Admin: anyPort, Page: anyPort},
		func(*house.House, *story.Cast) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was cancelled", err)
	}
	left(t, temp)
}
