package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Answer is what came back for a request.
type Answer struct {
	Method, Target string // of the request
	Status         int
	Header         http.Header
	Body           []byte
}

// Check holds an answer against the document: its status, headers, content type, body and code.
func (d *Document) Check(a *Answer) error {
	if a.byServer() {
		return nil
	}
	err := d.check(a)
	if err != nil {
		return fmt.Errorf("%s %.200s was answered %d, and not as api/openapi.yaml has it: %w; the body is %.500q", a.Method, a.Target, a.Status, err, a.Body)
	}
	return nil
}

func (d *Document) check(a *Answer) error {
	at, operation := d.operation(a.Method, a.Target)
	switch {
	case at == "" && !strings.HasPrefix(a.Target, "/"): // * or a host: there is no path that another method could have
		return d.problem(a, "not_found", "method_not_allowed")
	case at == "":
		return d.problem(a, "not_found")
	case operation == "":
		if a.Header.Get("Allow") == "" {
			return fmt.Errorf("it has no Allow")
		}
		return d.problem(a, "method_not_allowed")
	}
	response, at := d.find(operation + "/responses/" + strconv.Itoa(a.Status))
	if response == nil {
		return fmt.Errorf("the operation has no such status")
	}
	if err := d.headers(at, a.Header); err != nil {
		return err
	}
	return d.body(response, at, a)
}

// byServer reports whether net/http answered what it does not take for a request. It says so in plain text, which begins with the status, or names the encoding that it does not know.
func (a *Answer) byServer() bool {
	if a.Status == http.StatusNotImplemented && string(a.Body) == "Unsupported transfer encoding" {
		return true
	}
	return slices.Contains([]int{400, 417, 431, 501, 505}, a.Status) && strings.HasPrefix(a.Header.Get("Content-Type"), "text/plain") &&
		bytes.HasPrefix(a.Body, []byte(strconv.Itoa(a.Status)+" "+http.StatusText(a.Status))) || a.Status == http.StatusExpectationFailed && len(a.Body) == 0
}

// problem wants an answer that stands at no operation to be a problem with a code.
func (d *Document) problem(a *Answer, codes ...string) error {
	if got := a.Header.Get("Content-Type"); got != "application/problem+json" && a.Method != http.MethodHead {
		return fmt.Errorf("got Content-Type %q, want a problem with %s", got, strings.Join(codes, " or "))
	}
	return d.value("/components/schemas/Problem", a, codes)
}

// headers wants those that are required, and each of those that are told to be as they are told.
func (d *Document) headers(at string, h http.Header) error {
	for name := range d.object(at + "/headers") {
		here := at + "/headers/" + escaped(name)
		values := h.Values(name)
		if told, _ := d.find(here); len(values) == 0 && told["required"] == true {
			return fmt.Errorf("it has no %s", name)
		}
		_, here = d.find(here)
		s, err := d.schema(here + "/schema")
		if err != nil {
			return err
		}
		for _, v := range values {
			if s.Validate(v) == nil {
				continue
			}
			if err := s.Validate(json.Number(v)); err != nil {
				return fmt.Errorf("the header %s is %q: %w", name, v, err)
			}
		}
	}
	return nil
}

func (d *Document) body(response object, at string, a *Answer) error {
	content, _ := response["content"].(object)
	if a.Method == http.MethodHead {
		return nil
	}
	if len(content) == 0 {
		if len(a.Body) > 0 {
			return fmt.Errorf("it has a body, and none is told")
		}
		return nil
	}
	media, _, err := mime.ParseMediaType(a.Header.Get("Content-Type"))
	if err != nil || content[media] == nil {
		return fmt.Errorf("got Content-Type %q, which is not told", a.Header.Get("Content-Type"))
	}
	return d.value(at+"/content/"+escaped(media)+"/schema", a, texts(response["x-codes"]))
}

// value validates the body, and wants a problem's code to be one of these, and its status that of the answer.
func (d *Document) value(at string, a *Answer, codes []string) error {
	if a.Method == http.MethodHead {
		return nil
	}
	var v any = string(a.Body)
	problem := strings.HasPrefix(a.Header.Get("Content-Type"), "application/problem+json")
	if problem || strings.HasPrefix(a.Header.Get("Content-Type"), "application/json") {
		var err error
		if v, err = jsonschema.UnmarshalJSON(bytes.NewReader(a.Body)); err != nil {
			return fmt.Errorf("the body is no JSON: %w", err)
		}
	}
	if err := d.Fits(at, v); err != nil {
		return err
	}
	if o, _ := v.(object); problem {
		if code, _ := o["code"].(string); !slices.Contains(codes, code) {
			return fmt.Errorf("the code is %q, want one of %q", code, codes)
		}
		if status, _ := o["status"].(json.Number); status.String() != strconv.Itoa(a.Status) {
			return fmt.Errorf("the problem's status is %s", status)
		}
	}
	return nil
}
