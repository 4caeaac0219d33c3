package wire_test

import (
	"bytes"
	"flag"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"portcullis/internal/wire"
)

var update = flag.Bool("update", false, "write the generated documents anew")

const document = "../../api/codes.md"

// The register of codes is made of the tables that the program uses, so that it cannot say anything else.
func TestTheRegisterOfCodesIsFresh(t *testing.T) {
	var want bytes.Buffer
	want.WriteString("# Codes\n\nGenerated from `internal/wire` by `go test ./internal/wire -update`.\n\n## Errors\n\n" +
		"The `code` of an `error` on the wire and of an HTTP problem (RFC 9457), whose status is given.\n\n" +
		"| code | status | meaning |\n|---|---|---|\n")
	for _, c := range wire.Codes {
		fmt.Fprintf(&want, "| `%s` | %d %s | %s |\n", c.Code, c.Status, http.StatusText(c.Status), c.Meaning)
	}
	want.WriteString("\n## Closes\n\nThe code of the close frame; its reason is `{\"code\":\"...\",\"retry_ms\":N}`. The band tells a simple client what to do.\n\n" +
		"| code | name | cause | the client |\n|---|---|---|---|\n")
	for _, c := range wire.Closes {
		fmt.Fprintf(&want, "| %d | `%s` | %s | %s |\n", c.Status, c.Name, c.Meaning, c.Client)
	}
	if *update {
		if err := os.WriteFile(document, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Errorf("%s is stale: run go test ./internal/wire -update", document)
	}
}

func TestCodesAreUniqueAndHaveAnErrorStatus(t *testing.T) {
	seen := make(map[wire.Code]bool)
	for _, c := range wire.Codes {
		if seen[c.Code] || c.Status < 400 || c.Meaning == "" || c.Code.Status() != c.Status {
			t.Errorf("code %q: twice, without a meaning, or with status %d", c.Code, c.Status)
		}
		seen[c.Code] = true
	}
	if got := wire.Code("nobody's").Status(); got != 500 {
		t.Errorf("an unknown code: got status %d, want 500", got)
	}
}

// A close frame holds 123 bytes of reason (RFC 6455, section 5.5.1).
func TestEveryCloseReasonFits(t *testing.T) {
	seen := make(map[int]bool)
	for _, c := range wire.Closes {
		reason := c.Reason(1<<62 - 1)
		if len(reason) > 123 || !strings.Contains(reason, c.Name) || seen[c.Status] {
			t.Errorf("close %d: reason %s of %d bytes, or the code twice", c.Status, reason, len(reason))
		}
		seen[c.Status] = true
	}
	if got, want := wire.Draining.Reason(1500*time.Millisecond), `{"code":"draining","retry_ms":1500}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAFrameHasTheHeaderOfItsSize(t *testing.T) {
	for _, size := range []int{0, 125, 126, 65535, 65536, 100_000} {
		payload := bytes.Repeat([]byte("x"), size)
		whole := wire.AppendFrame([]byte("before"), wire.Binary, payload)
		begun, at := wire.BeginFrame([]byte("before"))
		begun = wire.EndFrame(append(begun, payload...), at, wire.Binary)
		if !bytes.Equal(whole, begun) {
			t.Errorf("size %d: the two ways to make a frame differ: %x... and %x...", size, whole[:20], begun[:20])
		}
		if header := wire.AppendHeader(nil, wire.Binary, size); header[0] != 0x82 || header[1]&0x80 != 0 || len(whole) != 6+len(header)+size {
			t.Errorf("size %d: header %x, %d bytes in all", size, header, len(whole))
		}
	}
}
