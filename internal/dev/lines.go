package dev

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// introduce says what is there before the story begins.
func (g *gateway) introduce(out io.Writer) {
	s := g.state()
	fmt.Fprintf(out, `Portcullis for development, on this machine alone. Authentication is on; everything below is thrown away at the end.

  folder    %s   (configuration, keys and certificates: read them while it runs)
  clients   %s   and, without TLS,  %s
  admin     %s
  tenants   acme (ana, ben) and globex (gus), each with an issuer, keys, a certificate authority and rules of its own

The story, over TLS with the Go client:

`, g.house.Dir, s.URL, s.PlainURL, s.AdminURL)
}

// lines are what to paste, where the program is started as name.
func lines(name string, s State) string {
	fill := strings.NewReplacer("{program}", name, "{plain}", s.PlainURL, "{page}", s.PageURL, "{admin}", s.AdminURL, "{token}", quote(s.TokenFile),
		"{door}", quote(filepath.Join(filepath.Dir(s.TokenFile), "door")))
	return fill.Replace(`
The gateway runs until Ctrl-C. In a browser:  {page}

In another terminal, in this folder, as ana of acme:

  {program} echo lab:rtt 'Hello, Secure World!'
  {program} publish room:announcements 'for hosts'       # forbidden

As somebody else, and as a device that shows its certificate:

  PORTCULLIS_TOKEN="$({program} token mint --dev --sub hana --role member --role host)" {program} publish room:announcements 'by a host'
  {program} echo lab:rtt 'Who is there?' --cert {door}.crt --key {door}.key

To hear a room, in a third terminal, in this folder; it runs until Ctrl-C:

  {program} subscribe room:lobby

What it hears, from the second terminal again:

  {program} publish room:lobby '{"text":"good morning"}'

What the gateway counts:  {admin}/metrics

With wscat (npm install -g wscat), without TLS, as ana for as long as the token is good, and then a frame to type:

  wscat -c {plain} -H "Authorization: Bearer $(cat {token})"
  {"type":"echo","id":1,"channel":"lab:rtt","data":"Hello, Secure World!"}

`)
}

// built is the folder of a program that go run has built: no name to tell anybody.
var built = regexp.MustCompile(`/go-build|/[0-9a-f]{64}-d/[^/]*$`)

// program is how this program was started, for pasting.
func program() string { return programAs(os.Args[0]) }

func programAs(arg0 string) string {
	if built.MatchString(filepath.ToSlash(arg0)) {
		return "go run ./cmd/portcullis"
	}
	return quote(arg0)
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// quote writes a word so that a shell takes it as one.
func quote(s string) string {
	if plainWord.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
