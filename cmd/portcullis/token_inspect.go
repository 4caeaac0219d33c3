package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"portcullis/internal/auth"
	"portcullis/internal/auth/jwt/jws"
)

func tokenInspectCommand(s *shell) *cobra.Command {
	var source tokenSource
	var asJSON bool
	c := &cobra.Command{
		Use: "inspect [TOKEN | - | --token-file FILE]", Short: "Take a token apart without trusting it",
		Long: `Print a token's parts, and what the gateway's strict reader finds wrong with its form. No signature, issuer or time is checked: token verify
does that. The exit code is 1 when nothing in it can be read.`,
		Example: `  portcullis token inspect --token-file token.jwt
  portcullis token mint --dev | portcullis token inspect -`,
		RunE: does(func(_ *cobra.Command, args []string) error {
			token, err := source.read(s, args)
			if err != nil {
				return err
			}
			return s.tokenInspect(jws.Inspect(token), asJSON)
		}),
	}
	source.flag(c)
	jsonFlag(c, &asJSON)
	return c
}

// finding is a reason for which the strict reader refuses a token.
type finding struct {
	Reason auth.Reason `json:"reason"`
	Detail string      `json:"detail"`
}

func findings(i jws.Inspection) []finding {
	all := make([]finding, len(i.Findings))
	for n, err := range i.Findings {
		all[n] = refusal(err)
	}
	return all
}

// refusal takes a refusal apart into its reason and the rest.
func refusal(err error) finding {
	if r, ok := errors.AsType[*auth.Refusal](err); ok {
		return finding{r.Reason, r.Err.Error()}
	}
	return finding{Detail: err.Error()}
}

func (s *shell) tokenInspect(i jws.Inspection, asJSON bool) error {
	found := findings(i)
	if asJSON {
		err := printJSON(s.stdout, struct {
			Verified bool `json:"verified"`
			jws.Inspection
			Findings []finding `json:"findings"`
		}{false, i, found})
		if err != nil {
			return err
		}
	} else {
		s.printInspection(i, found)
	}
	if i.Header == nil && i.Claims == nil {
		return errors.New("nothing in it can be read: it is no token")
	}
	return nil
}

func (s *shell) printInspection(i jws.Inspection, found []finding) {
	fmt.Fprint(s.stdout, "NOT VERIFIED. Anybody can write what follows; portcullis token verify gives the gateway's verdict.\n\n")
	s.printPart("header", i.Header)
	s.printPart("claims", i.Claims)
	var times struct{ IAT, NBF, EXP json.RawMessage }
	_ = json.Unmarshal(i.Claims, &times) // what is no object has no times
	for _, t := range []struct {
		what string
		text json.RawMessage
	}{{"issued ", times.IAT}, {"begins ", times.NBF}, {"expires", times.EXP}} {
		var seconds float64
		if t.text != nil && json.Unmarshal(t.text, &seconds) == nil && seconds >= 0 && seconds < 1<<38 {
			fmt.Fprintln(s.stdout, t.what, moment(time.Unix(int64(seconds), 0)))
		}
	}
	fmt.Fprintf(s.stdout, "signature of %d bytes, not checked\n", i.SignatureBytes)
	if len(found) == 0 {
		fmt.Fprintln(s.stdout, "\nfindings: none; its form is good")
		return
	}
	fmt.Fprintln(s.stdout, "\nfindings, for each of which the gateway refuses it:")
	for _, f := range found {
		fmt.Fprintf(s.stdout, "  %s: %s\n", f.Reason, plain(f.Detail))
	}
}

func (s *shell) printPart(name string, text json.RawMessage) {
	if text == nil {
		fmt.Fprintf(s.stdout, "%s: cannot be read\n", name)
		return
	}
	var b bytes.Buffer
	if err := json.Indent(&b, text, "  ", "  "); err != nil {
		b.Reset()
		b.Write(text)
	}
	fmt.Fprintf(s.stdout, "%s\n  %s\n", name, lines(b.String()))
}
