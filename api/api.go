// Package api is the gateway's contract as files: what it answers over HTTP, and what is said over a WebSocket.
package api

import (
	_ "embed"
	"sync"

	"github.com/goccy/go-yaml"
)

//go:embed openapi.yaml
var openAPI []byte

//go:embed asyncapi.yaml
var asyncAPI []byte

// OpenAPI returns openapi.yaml as JSON. It is made when somebody asks for the first time.
var OpenAPI = sync.OnceValue(func() []byte { return inJSON(openAPI) })

// AsyncAPI returns asyncapi.yaml as JSON, as [OpenAPI] does.
var AsyncAPI = sync.OnceValue(func() []byte { return inJSON(asyncAPI) })

// inJSON cannot fail on a document that the tests have read.
func inJSON(text []byte) []byte {
	text, err := yaml.YAMLToJSON(text)
	if err != nil {
		panic(err)
	}
	return text
}
