package api_test

import (
	stdjson "encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"portcullis/internal/contract"
	"portcullis/internal/wire"
	"portcullis/internal/wire/json"
	"portcullis/internal/wire/mirror"
)

type object = map[string]any

// document is asyncapi.yaml as JSON has it: objects, lists, texts, float64.
func document(t *testing.T) object {
	t.Helper()
	text, err := os.ReadFile("asyncapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text, err = yaml.YAMLToJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	var d object
	if err := stdjson.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// at follows names from one object to the next. What is not there is empty.
func at(o object, names ...string) object {
	for _, n := range names {
		o, _ = o[n].(object)
	}
	return o
}

func TestEveryReferenceLeadsSomewhere(t *testing.T) {
	d := document(t)
	var refs int
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case object:
			if ref, ok := v["$ref"].(string); ok {
				if refs++; len(at(d, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)) == 0 {
					t.Errorf("%s leads nowhere", ref)
				}
			}
			for _, below := range v {
				walk(below)
			}
		case []any:
			for _, below := range v {
				walk(below)
			}
		}
	}
	walk(d)
	if refs == 0 {
		t.Error("there are no references")
	}
}

func TestBothSubprotocolsAreTold(t *testing.T) {
	d := document(t)
	for name, dialect := range map[string]wire.Dialect{"json": json.Dialect{}, "mirror": mirror.Dialect{}} {
		if got := at(d, "channels", name)["title"]; got != dialect.Subprotocol() {
			t.Errorf("channel %s is called %v, want %s", name, got, dialect.Subprotocol())
		}
	}
}

// Each verb has an operation and a message, the gateway reads the message's examples as that verb, and they fit their schema.
func TestEveryVerbIsTold(t *testing.T) {
	d := document(t)
	for _, verb := range wire.Verbs {
		if at(d, "operations", string(verb))["action"] != "receive" {
			t.Errorf("no operation receives %s", verb)
		}
		for _, example := range examples(t, d, string(verb)) {
			text, err := stdjson.Marshal(example)
			if err != nil {
				t.Fatal(err)
			}
			json.Dialect{}.Open().Decode(wire.Text, text, func(r wire.Request, fault *wire.Fault) bool {
				if r.Verb != verb || fault != nil {
					t.Errorf("%s is read as %q with %v, want %s", text, r.Verb, fault, verb)
				}
				return true
			})
		}
	}
}

// An example is held against the document as what the gateway says and hears is, and has no member that is not told.
func TestEveryExampleFitsItsSchema(t *testing.T) {
	d, w := document(t), wired(t)
	for name := range at(d, "components", "messages") {
		if name == "anything" { // has no form
			continue
		}
		for _, example := range examples(t, d, name) {
			text, err := stdjson.Marshal(example)
			if err != nil {
				t.Fatal(err)
			}
			if slices.Contains(w.Verbs(), name) && at(d, "operations", name)["action"] == "receive" {
				err = w.Request(text)
			} else {
				err = w.Frame(text)
			}
			if err != nil {
				t.Errorf("an example of %s: %v", name, err)
			}
			told := at(d, "components", "messages", name, "payload", "properties")
			for member := range example {
				if told[member] == nil {
					t.Errorf("an example of %s has %s, which is not told there", name, member)
				}
			}
		}
	}
}

// What the gateway writes is in the document: the frames are those of vectors/frames.json.
func TestTheGatewaysFramesFitTheirSchemas(t *testing.T) {
	w := wired(t)
	for _, v := range load(t).Server {
		if v.Frame == "" {
			continue
		}
		var verbs []string
		if v.Reply != nil {
			verbs = []string{string(v.Reply.Verb)}
		}
		if err := w.Frame([]byte(v.Frame), verbs...); err != nil {
			t.Errorf("%s: %v", v.Name, err)
		}
	}
}

// A type that is added to the codec is added to the document, and one that is taken away is taken out.
func TestTheTypesOfFramesAreThoseOfTheCodec(t *testing.T) {
	w := wired(t)
	var verbs []string
	for _, v := range wire.Verbs {
		verbs = append(verbs, string(v))
	}
	if slices.Sort(verbs); !slices.Equal(w.Verbs(), verbs) {
		t.Errorf("a client sends %v in the document, and %v in the codec", w.Verbs(), verbs)
	}
	kinds := []string{"error", "message", "ok", "welcome"}
	for _, k := range wire.NoticeKinds {
		kinds = append(kinds, string(k))
	}
	if slices.Sort(kinds); !slices.Equal(w.Kinds(), kinds) {
		t.Errorf("the gateway sends %v in the document, and %v in the codec", w.Kinds(), kinds)
	}
}

// What is told of a channel's messages, each of these reasons is: a client's programmer finds what they mean.
func TestEveryReasonIsTold(t *testing.T) {
	d := document(t)
	var missed, gone []string
	for _, r := range wire.GapReasons {
		missed = append(missed, string(r))
	}
	for _, r := range wire.Unrecovereds {
		gone = append(gone, string(r))
	}
	for name, tt := range map[string]struct {
		told object
		want []string
	}{
		"gap":    {at(d, "components", "messages", "gap", "payload", "properties", "reason"), missed},
		"reason": {at(d, "components", "schemas", "reason"), gone},
	} {
		var got []string
		for _, r := range tt.told["examples"].([]any) {
			got = append(got, r.(string))
		}
		slices.Sort(got)
		if slices.Sort(tt.want); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %v, want %v", name, got, tt.want)
		}
	}
}

// What the gateway says and the document does not is found, or nothing that passes in the black-box tests would be proof of anything.
func TestAFrameThatIsNotToldIsFound(t *testing.T) {
	w := wired(t)
	for _, tt := range []struct{ name, frame, verb string }{
		{"a type that is not told", `{"type":"news"}`, ""},
		{"a member that is not told", `{"type":"expiring","in_ms":1,"out_ms":2}`, ""},
		{"a member inside that is not told", `{"type":"join","channel":"a","member":{"user":"u","connection":"c","age":3}}`, ""},
		{"a member of a limit that is not told", `{"type":"welcome","connection":"c","tenant":"a","user":"u","expires":1,"ping_ms":1,"limits":{"size":1}}`, ""},
		{"a member is missing", `{"type":"gap","channel":"a"}`, ""},
		{"a member of another kind", `{"type":"expiring","in_ms":"1"}`, ""},
		{"the ok of another verb", `{"type":"ok","id":1,"time":5}`, "echo"},
		{"an ok of none", `{"type":"ok","id":1,"time":5,"count":1}`, ""},
		{"a code that does not come in a frame", `{"type":"error","code":"misdirected","message":"m"}`, ""},
		{"no object", `[]`, ""},
		{"no JSON", `{`, ""},
	} {
		var verbs []string
		if tt.verb != "" {
			verbs = []string{tt.verb}
		}
		if w.Frame([]byte(tt.frame), verbs...) == nil {
			t.Errorf("%s: %s was taken", tt.name, tt.frame)
		}
	}
	for name, request := range map[string]string{
		"a member is missing":    `{"type":"echo","id":1,"channel":"a"}`,
		"a type of the server's": `{"type":"welcome","id":1}`,
		"an id of another kind":  `{"type":"ping","id":"1"}`,
	} {
		if w.Request([]byte(request)) == nil {
			t.Errorf("%s: %s was taken", name, request)
		}
	}
}

func wired(t *testing.T) *contract.Wire {
	t.Helper()
	w, err := contract.NewWire()
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestEveryCodeIsTold(t *testing.T) {
	var got, want []string
	for _, row := range document(t)["x-codes"].([]any) {
		got = append(got, fmt.Sprint(row.(object)["code"], " ", row.(object)["status"]))
	}
	for _, row := range wire.Codes {
		want = append(want, fmt.Sprint(row.Code, " ", row.Status))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestEveryCloseIsTold(t *testing.T) {
	var got, want []string
	for _, row := range document(t)["x-closes"].([]any) {
		r := row.(object)
		got = append(got, fmt.Sprint(r["status"], " ", r["code"], " ", r["client"]))
	}
	bands := map[int]string{40: "reconnect", 41: "back off", 42: "renew"}
	for _, row := range wire.Closes {
		asks, ok := bands[row.Status/100]
		if !ok {
			asks = "stop"
		}
		want = append(want, fmt.Sprint(row.Status, " ", row.Name, " ", asks))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// examples returns the payloads that show a message. There is at least one.
func examples(t *testing.T, d object, message string) (payloads []object) {
	t.Helper()
	list, _ := at(d, "components", "messages", message)["examples"].([]any)
	for _, e := range list {
		payload, _ := e.(object)["payload"].(object)
		payloads = append(payloads, payload)
	}
	if len(payloads) == 0 {
		t.Errorf("%s has no example", message)
	}
	return payloads
}
