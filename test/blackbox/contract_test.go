package blackbox_test

import (
	"strings"
	"sync"

	"portcullis/internal/contract"
)

// contracted is api/openapi.yaml, against which every answer of a clients' listener is held, and where an answer or a frame was not as the documents have it.
var contracted struct {
	once     sync.Once
	document *contract.Document

	mu     sync.Mutex
	broken []error
}

// asContracted holds an answer against the contract. A test that takes every error of a request for the end of a connection does not hide what is wrong: it is told at the
// end of the suite too.
func (a *answer) asContracted(raw string) error {
	contracted.once.Do(func() {
		var err error
		if contracted.document, err = contract.New(); err != nil {
			panic(err)
		}
	})
	first, _, _ := strings.Cut(raw, "\r\n")
	method, rest, _ := strings.Cut(first, " ")
	target, version, _ := strings.Cut(rest, " ")
	if !strings.HasPrefix(version, "HTTP/") { // the end of a request whose beginning was sent before
		return nil
	}
	err := contracted.document.Check(&contract.Answer{Method: method, Target: target, Status: a.status, Header: a.header, Body: []byte(a.body)})
	if err != nil {
		notContracted(err)
	}
	return err
}

// notContracted remembers what was not as the documents have it; most of it comes many times in other words.
func notContracted(err error) {
	contracted.mu.Lock()
	defer contracted.mu.Unlock()
	if contracted.broken = append(contracted.broken, err); len(contracted.broken) > 50 {
		contracted.broken = contracted.broken[:50]
	}
}
