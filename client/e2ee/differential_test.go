package e2ee_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"portcullis/client/e2ee"
)

const typescript = "../../sdk/typescript"

// differ is one thing that comes to cid's room, whatever it is.
type differ struct {
	Kind       string `json:"kind"`
	Now        int64  `json:"now"`
	Text       string `json:"text"`
	Encryption string `json:"encryption,omitempty"`
	User       string `json:"user,omitempty"`
}

// Of whatever comes, Go and TypeScript say the same: opened, and what; or refused, and why. Where one opened what the other refuses, a gateway or a member could
// show to some what others never see. Cases are messages, grants and assertions that were right and then changed, before they were signed or after:
// the same ones each time, and with PORTCULLIS_LONG others and more of them.
func TestGoAndTypeScriptSayTheSame(t *testing.T) {
	seed, n := uint64(1), 600
	if os.Getenv("PORTCULLIS_LONG") != "" {
		seed, n = uint64(time.Now().UnixNano()), 5000
	}
	if text := os.Getenv("PORTCULLIS_SEED"); text != "" {
		seed = must(strconv.ParseUint(text, 10, 64))
	}
	m := mutator{rand.New(rand.NewPCG(seed, 0))}
	cases := make([][]differ, n)
	for i := range cases {
		if cases[i] = m.steps(); m.rarely(5) {
			cases[i] = m.talk()
		}
	}
	theirs := verdictsOf(t, cases)
	seen := make(map[string]int)
	for i, steps := range cases {
		for j, got := range verdicts(t, steps) {
			word, _, _ := strings.Cut(got, " ")
			seen[steps[j].Kind+" "+word]++
			same := got == theirs[i][j]
			if steps[j].Kind == "assertion" { // the order of its reasons is not told
				same = same || got != "" && refusal(got) && refusal(theirs[i][j])
			}
			if !same {
				t.Errorf("case %d of PORTCULLIS_SEED=%d: Go says %s, TypeScript %s, of step %d of %+v", i, seed, got, theirs[i][j], j, steps)
				break
			}
		}
	}
	t.Logf("seed %d, verdicts %v", seed, seen)
	for _, must := range []string{"message opened", "message replay", "message form", "message signature", "message sender", "history opened", "grant generation", "grant rollback", "grant form", "assertion ben", "assertion assertion"} {
		if seen[must] == 0 {
			t.Errorf("no case ended as %q: this shows little", must)
		}
	}
}

// steps are one to three things that were changed, in one room.
func (m mutator) steps() (steps []differ) {
	now := noon.Unix()
	for range 1 + m.IntN(3) {
		now += pick[int64](m, 0, 0, 1, 59, 60, 3600)
		s := differ{Kind: pick(m, "message", "message", "message", "history", "grant", "assertion"), Now: now}
		switch s.Kind {
		case "grant":
			s.Text = m.grant()
		case "assertion":
			s.Text = m.assertion()
		default:
			s.Text, s.User = m.message()
			s.Encryption = pick(m, append(slices.Repeat([]string{"jwe"}, 18), "", "JWE")...)
		}
		if len(steps) > 0 && m.rarely(3) { // once more
			s = steps[m.IntN(len(steps))]
			s.Now = now
		}
		steps = append(steps, s)
	}
	return steps
}

// talk is what ben says and nobody changes, in any order and more than once: what is at stake is the window of counters.
func (m mutator) talk() (steps []differ) {
	kind, far := pick(m, "message", "message", "history"), pick[uint64](m, 1, 1<<40, 1<<53-70)
	for range 6 {
		counter := far + pick[uint64](m, 0, 1, 2, 3, 63, 64, 65, 66, 67)
		steps = append(steps, differ{Kind: kind, Now: noon.Unix(), Text: said(ben, key1, counter, "hi").text(), Encryption: "jwe", User: "ben"})
	}
	return steps
}

func refusal(verdict string) bool { return !strings.ContainsAny(verdict, " :") }

// verdicts are Go's.
func verdicts(t *testing.T, steps []differ) (all []string) {
	at(t, noon.Unix(), func(t *testing.T) {
		room := known(t, cid)
		history := room.History()
		for _, s := range steps {
			until(s.Now)
			text, err := s.bring(t, room, history)
			if refused, ok := errors.AsType[*e2ee.Error](err); ok {
				text = string(refused.Reason)
			} else if err != nil {
				text = "broken: " + err.Error()
			}
			all = append(all, text)
		}
	})
	return all
}

func (s differ) bring(t *testing.T, room *e2ee.Room, history *e2ee.Reader) (string, error) {
	message := e2ee.Message{Data: json.RawMessage(quote(s.Text)), Encryption: s.Encryption, User: s.User}
	var plaintext []byte
	var err error
	switch s.Kind {
	case "grant":
		err = room.Accept(s.Text)
		return fmt.Sprintf("generation %d", room.Generation()), err
	case "assertion":
		member, err := believed(t).Verify(t.Context(), s.Text)
		return fmt.Sprintf("%s until %d", member.User(), member.Expires().UnixMilli()), err
	case "message":
		plaintext, err = room.Open(message)
	default:
		plaintext, err = history.Open(message)
	}
	return "opened " + b64(plaintext), err
}

// verdictsOf are TypeScript's.
func verdictsOf(t *testing.T, cases [][]differ) (all [][]string) {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		missing(t, "node is not installed: install node.js")
	}
	packages := must(filepath.Abs(filepath.Join(typescript, "node_modules")))
	if _, err := os.Stat(filepath.Join(packages, "typescript")); err != nil {
		missing(t, "the packages of the SDK are not installed: npm ci --prefix sdk/typescript")
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "package.json"), []byte(`{"type":"module"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	tsc := exec.CommandContext(t.Context(), "node", "node_modules/typescript/bin/tsc", "-p", "tsconfig.test.json", "--outDir", folder)
	tsc.Dir = typescript
	if out, err := tsc.CombinedOutput(); err != nil {
		t.Fatalf("tsc: %v\n%s", err, out)
	}
	var members []string
	for _, p := range []person{ana, ben, eve, mal} {
		members = append(members, vouch(p, 365*day).text())
	}
	run := exec.CommandContext(t.Context(), "node", filepath.Join("test", "e2ee", "verdicts.js"))
	run.Dir = folder
	run.Stdin = bytes.NewReader(must(json.Marshal(map[string]any{
		"now": noon.Unix(), "issuer": issuerID, "keys": json.RawMessage(keySet("ed")), "identity": json.RawMessage(cid.identity()),
		"members": members, "grant": gives(key1, 1, noon, ana, ben, cid, mal).text(), "cases": cases,
	})))
	var failed bytes.Buffer
	run.Stderr = &failed
	out, err := run.Output()
	if err != nil {
		t.Fatalf("verdicts.js: %v\n%.2000s", err, failed.String())
	}
	if err := json.Unmarshal(out, &all); err != nil {
		t.Fatal(err)
	}
	return all
}
