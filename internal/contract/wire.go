package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"portcullis/api"
)

// Wire is api/asyncapi.yaml with its schemas, as portcullis.v1.json has them. It is safe for concurrent use.
type Wire struct {
	*tree
	requests map[string]string   // by verb, where the payload's schema stands
	oks      map[string]string   // the same of the answer
	told     map[string][]string // the same of what the gateway sends, by type; there are several of ok
	codes    []string            // of errors on the wire
}

// NewWire reads the document.
func NewWire() (*Wire, error) {
	root, err := read(api.AsyncAPI())
	if err != nil {
		return nil, err
	}
	w := &Wire{requests: make(map[string]string), oks: make(map[string]string), told: make(map[string][]string)}
	if w.tree, err = planted(root); err != nil {
		return nil, err
	}
	for name, operation := range w.object("/operations") {
		if o := operation.(object); o["channel"].(object)["$ref"] == "#/channels/json" {
			w.operation("/operations/"+name, o)
		}
	}
	for _, stands := range w.told {
		for _, at := range stands {
			shut(w.object(at))
		}
	}
	shut(w.object("/components/schemas"))
	for _, row := range root["x-codes"].([]any) {
		if o := row.(object); o["frame"] == true {
			w.codes = append(w.codes, o["code"].(string))
		}
	}
	return w, nil
}

// operation takes in the messages of one. The first of a reply is its ok.
func (w *Wire) operation(at string, o object) {
	payloads := func(messages any) (all []string) {
		list, _ := messages.([]any)
		for _, m := range list {
			_, stands := w.find(m.(object)["$ref"].(string)[1:])
			all = append(all, stands+"/payload")
		}
		return all
	}
	sent := payloads(o["messages"])
	if o["action"] == "receive" {
		reply, _ := o["reply"].(object)
		verb := w.kind(sent[0])
		w.requests[verb] = sent[0]
		sent = payloads(reply["messages"])
		w.oks[verb] = sent[0]
	}
	for _, stands := range sent {
		if kind := w.kind(stands); !slices.Contains(w.told[kind], stands) {
			w.told[kind] = append(w.told[kind], stands)
		}
	}
}

// kind is the type that the payload at a pointer has.
func (w *Wire) kind(payload string) string {
	kind, _ := w.object(payload + "/properties/type")["const"].(string)
	return kind
}

// Verbs are the types that a client sends.
func (w *Wire) Verbs() []string { return slices.Sorted(maps.Keys(w.requests)) }

// Kinds are the types that the gateway sends.
func (w *Wire) Kinds() []string { return slices.Sorted(maps.Keys(w.told)) }

// Examples are the requests that the document shows of a verb.
func (w *Wire) Examples(verb string) (all [][]byte) {
	list, _ := w.object(strings.TrimSuffix(w.requests[verb], "/payload"))["examples"].([]any)
	for _, e := range list {
		text, _ := json.Marshal(e.(object)["payload"])
		all = append(all, text)
	}
	return all
}

// Request holds what a client sent, and what was answered with ok, against the document.
func (w *Wire) Request(text []byte) error {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	o, _ := v.(object)
	verb, _ := o["type"].(string)
	at := w.requests[verb]
	if at == "" {
		return fmt.Errorf("api/asyncapi.yaml has no request of type %q: %.300q", verb, text)
	}
	if err := w.Fits(at, v); err != nil {
		return fmt.Errorf("a request was served, and is not as api/asyncapi.yaml has it: %w; it is %.300q", err, text)
	}
	return nil
}

// Frame holds a text that the gateway sent against the document. An ok is held against that of these verbs, or of any where none is given.
func (w *Wire) Frame(text []byte, verbs ...string) error {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("the gateway sent what is no JSON: %w; it is %.300q", err, text)
	}
	o, _ := v.(object)
	kind, _ := o["type"].(string)
	stands := w.told[kind]
	if kind == "ok" && len(verbs) > 0 {
		stands = nil
		for _, verb := range verbs {
			stands = append(stands, w.oks[verb])
		}
	}
	if len(stands) == 0 {
		return fmt.Errorf("api/asyncapi.yaml has no frame of type %q: %.300q", kind, text)
	}
	for _, at := range stands {
		if err = w.Fits(at, v); err == nil {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("the gateway sent a frame that is not as api/asyncapi.yaml has it: %w; it is %.500q", err, text)
	}
	if code, coded := o["code"].(string); coded && !slices.Contains(w.codes, code) {
		return fmt.Errorf("the gateway sent the code %q, which x-codes of api/asyncapi.yaml does not have in a frame: %.300q", code, text)
	}
	return nil
}

// Sent is a request as far as its answer needs it.
type Sent struct {
	ID   int64
	Verb string
	Text []byte
}

// Requests takes a text frame of a client's apart. What has no id or no form is left out: there is no ok to it.
func Requests(frame []byte) (all []Sent) {
	for line := range bytes.SplitSeq(frame, []byte("\n")) {
		var r struct {
			ID   int64  `json:"id"`
			Type string `json:"type"`
		}
		if json.Unmarshal(line, &r) == nil && r.ID > 0 {
			all = append(all, Sent{r.ID, r.Type, line})
		}
	}
	return all
}

// Answered is the id of the request that a frame of the gateway's answers, 0 where it answers none, and whether with ok.
func Answered(frame []byte) (id int64, ok bool) {
	var r struct {
		ID   int64  `json:"id"`
		Type string `json:"type"`
	}
	if json.Unmarshal(frame, &r) != nil || r.Type != "ok" && r.Type != "error" {
		return 0, false
	}
	return r.ID, r.Type == "ok"
}
