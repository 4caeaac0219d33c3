package api_test

import (
	stdjson "encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

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
				if r.Verb != verb || fault != nil || r.Wants != "" {
					t.Errorf("%s is read as %q with %v, want %s", text, r.Verb, fault, verb)
				}
				return true
			})
		}
	}
}

func TestEveryExampleFitsItsSchema(t *testing.T) {
	d := document(t)
	for name := range at(d, "components", "messages") {
		if name == "anything" { // has no form
			continue
		}
		for _, example := range examples(t, d, name) {
			if err := fits(d, at(d, "components", "messages", name, "payload"), example); err != nil {
				t.Errorf("an example of %s: %v", name, err)
			}
		}
	}
}

// What the gateway writes is in the document: the frames are those of vectors/frames.json.
func TestTheGatewaysFramesFitTheirSchemas(t *testing.T) {
	d := document(t)
	oks := map[wire.Verb]string{wire.Echo: "echoed", wire.Subscribe: "subscribed", wire.Unsubscribe: "done", wire.Publish: "published", wire.History: "page", wire.Ping: "pong", wire.Refresh: "refreshed", wire.Presence: "present"}
	for _, v := range load(t).Server {
		if v.Frame == "" {
			continue
		}
		var frame object
		if err := stdjson.Unmarshal([]byte(v.Frame), &frame); err != nil {
			t.Fatal(err)
		}
		name, _ := frame["type"].(string)
		if name == "ok" {
			name = oks[v.Reply.Verb]
		}
		if err := fits(d, at(d, "components", "messages", name, "payload"), frame); err != nil {
			t.Errorf("%s, as %q: %v", v.Name, name, err)
		}
	}
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

// fits holds a value against the few words of JSON Schema that the document uses.
func fits(d object, schema object, v any) error {
	if ref, ok := schema["$ref"].(string); ok {
		schema = at(d, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
	}
	if want, ok := schema["const"]; ok && v != want {
		return fmt.Errorf("got %v, want %v", v, want)
	}
	if kind, ok := schema["type"].(string); ok && kind != kindOf(v) {
		return fmt.Errorf("got %v, want one of type %s", v, kind)
	}
	switch v := v.(type) {
	case float64:
		if least, ok := schema["minimum"].(float64); ok && v < least {
			return fmt.Errorf("got %v, want at least %v", v, least)
		}
	case string:
		if pattern, ok := schema["pattern"].(string); ok && !regexp.MustCompile(pattern).MatchString(v) {
			return fmt.Errorf("got %q, want what matches %s", v, pattern)
		}
	case []any:
		items, _ := schema["items"].(object)
		for _, item := range v {
			if err := fits(d, items, item); err != nil {
				return err
			}
		}
	case object:
		required, _ := schema["required"].([]any)
		for _, name := range required {
			if _, ok := v[name.(string)]; !ok {
				return fmt.Errorf("%v is missing", name)
			}
		}
		properties, told := schema["properties"].(object)
		for name, member := range v {
			if !told {
				break // the payload is the publisher's
			}
			below, known := properties[name].(object)
			if !known {
				return fmt.Errorf("%s is not in the document", name)
			}
			if err := fits(d, below, member); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return nil
}

func kindOf(v any) string {
	switch v := v.(type) {
	case string:
		return "string"
	case bool:
		return "boolean"
	case []any:
		return "array"
	case object:
		return "object"
	case float64:
		if v == float64(int64(v)) {
			return "integer"
		}
		return "number"
	}
	return "null"
}
