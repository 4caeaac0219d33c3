package walls_test

import (
	"net/http"
	"sync"

	"portcullis/internal/contract"
)

// What the gateway says to its clients is as its documents have it, whatever they ask for and however hostile their names are.
var (
	ofWire = sync.OnceValues(contract.NewWire)
	ofHTTP = sync.OnceValues(contract.New)
)

// asContracted holds a frame against api/asyncapi.yaml, as the answer to a verb where it is one.
func asContracted(frame string, verbs ...string) error {
	w, err := ofWire()
	if err != nil {
		return err
	}
	return w.Frame([]byte(frame), verbs...)
}

// answersAsContracted holds an answer of the clients' listener against api/openapi.yaml.
func answersAsContracted(method, target string, answer *http.Response, body []byte) error {
	d, err := ofHTTP()
	if err != nil {
		return err
	}
	return d.Check(&contract.Answer{Method: method, Target: target, Status: answer.StatusCode, Header: answer.Header, Body: body})
}
