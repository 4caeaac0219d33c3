package blackbox_test

import (
	"strings"
	"sync"

	"portcullis/internal/contract"
)

// contracted is api/openapi.yaml, against which every answer of a clients' listener is held, and where one was not as it stands there.
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
		contracted.mu.Lock()
		contracted.broken = append(contracted.broken, err)
		contracted.mu.Unlock()
	}
	return err
}
