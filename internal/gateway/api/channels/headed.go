package channels

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"portcullis/internal/gateway/api"
	"portcullis/internal/hub"
)

// headed reads an event whose attributes are headers, and whose data is the body (HTTP Protocol Binding, section 3.1). Data that is no JSON is bytes.
func headed(h http.Header, media string, body []byte) (e event, err error) {
	if media == "" && len(body) > 0 {
		return e, api.Unreadable("the data of an event needs its Content-Type")
	}
	for name, values := range h {
		if strings.HasPrefix(name, "Ce-") && len(values) > 1 {
			return e, api.Unreadable("the header " + strings.ToLower(name) + " stands twice")
		}
	}
	e, err = of(func(name string) string { return plain(h.Get("ce-" + name)) })
	switch {
	case err != nil:
	case len(body) == 0:
		e.publication = hub.Publication{Data: []byte("null")}
	case media == "application/json" || strings.HasSuffix(media, "+json"):
		if !json.Valid(body) || !utf8.Valid(body) {
			return e, api.Unreadable("the data of the event is no JSON, as its Content-Type says; send JSON, or the Content-Type that it has")
		}
		e.publication, err = text(body)
	default:
		e.publication = hub.Publication{Data: body, Binary: true}
	}
	return e, err
}

// plain is the value of a header as the attribute has it: out of its quotes, and decoded once (HTTP Protocol Binding, section 3.1.3.2). One that cannot be decoded is none.
func plain(value string) string {
	if len(value) > 1 && value[0] == '"' && value[len(value)-1] == '"' {
		value = strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(value[1 : len(value)-1])
	}
	decoded, err := url.PathUnescape(value)
	if err != nil || !utf8.ValidString(decoded) {
		return ""
	}
	return decoded
}
