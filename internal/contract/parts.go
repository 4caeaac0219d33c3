package contract

import (
	"slices"
	"strconv"
	"strings"
)

// Response is one that the document tells.
type Response struct {
	Operation string // METHOD and path
	Status    int
	At        string // where it stands, references followed
	Media     []string
	Codes     []string // of its problems
}

// Responses are those of every operation.
func (d *Document) Responses() (all []Response) {
	for _, operation := range d.Operations() {
		method, template, _ := strings.Cut(operation, " ")
		at := "/paths/" + escaped(template) + "/" + strings.ToLower(method) + "/responses"
		for status := range d.object(at) {
			o, here := d.find(at + "/" + status)
			r := Response{Operation: operation, At: here, Codes: texts(o["x-codes"])}
			r.Status, _ = strconv.Atoi(status)
			content, _ := o["content"].(object)
			for media := range content {
				r.Media = append(r.Media, media)
			}
			slices.Sort(r.Media)
			all = append(all, r)
		}
	}
	return all
}

// Codes are those that a problem may have.
func (d *Document) Codes() []string { return texts(d.object("/components/schemas/Code")["enum"]) }

// Example is a body that the document shows, and where its schema stands.
type Example struct {
	Schema string
	Value  any
}

// Asked is a body that the document shows for a request.
type Asked struct {
	Operation, Media string
	Value            any
}

// Requests are the examples of what is sent.
func (d *Document) Requests() (all []Asked) {
	for _, operation := range d.Operations() {
		method, template, _ := strings.Cut(operation, " ")
		at := "/paths/" + escaped(template) + "/" + strings.ToLower(method) + "/requestBody/content"
		for media := range d.object(at) {
			body, here := d.find(at + "/" + escaped(media))
			for _, e := range examplesOf(here, body) {
				all = append(all, Asked{operation, media, e.Value})
			}
		}
	}
	return all
}

// Examples are those of every body, in requests and responses.
func (d *Document) Examples() (all []Example) {
	var walk func(at string, v any)
	walk = func(at string, v any) {
		o, _ := v.(object)
		if _, body := o["schema"]; body {
			all = append(all, examplesOf(at, o)...)
			return
		}
		for name, below := range o {
			walk(at+"/"+escaped(name), below)
		}
	}
	walk("", d.root)
	return all
}

func examplesOf(at string, body object) (all []Example) {
	at += "/schema"
	if v, there := body["example"]; there {
		all = append(all, Example{at, v})
	}
	several, _ := body["examples"].(object)
	for _, e := range several {
		all = append(all, Example{at, e.(object)["value"]})
	}
	return all
}

func texts(v any) (all []string) {
	l, _ := v.([]any)
	for _, text := range l {
		all = append(all, text.(string))
	}
	return all
}
