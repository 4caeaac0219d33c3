package jwks

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// wellKnown is where an issuer says what it is (OpenID Connect Discovery 1.0, section 4).
const wellKnown = "/.well-known/openid-configuration"

// discovered is a key set whose address the issuer publishes. It is asked for again before each fetch: an issuer may move its keys.
type discovered struct {
	issuer string
	remote *remote // of the document
}

// Discovery returns the keys of an issuer, wherever its own document says that they are. The issuer must be an https URL, or http on a loopback address. Like [URL] it fetches nothing.
func Discovery(issuer string, transport http.RoundTripper, options Options) (*Source, error) {
	u, err := url.Parse(issuer)
	if err != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return nil, fmt.Errorf("issuer %q is no URL without query and fragment; give jwks_uri or jwks_file, its keys cannot be discovered", issuer)
	}
	if err := usable(u); err != nil {
		return nil, fmt.Errorf("issuer %q: its keys cannot be discovered: %w; or give jwks_uri or jwks_file", issuer, err)
	}
	r, err := newRemote(strings.TrimSuffix(issuer, "/")+wellKnown, transport)
	if err != nil {
		return nil, err
	}
	d := &discovered{issuer, r}
	return newSource(r.uri, r.name, urlRefresh, options, d.load), nil
}

func (d *discovered) load(ctx context.Context) (*Set, error) {
	ctx, cancel := context.WithTimeout(ctx, urlTimeout)
	defer cancel()
	document, err := d.remote.get(ctx)
	if err != nil {
		return nil, fmt.Errorf("discover keys at %s: %w", d.remote.name, withoutURL(err))
	}
	uri, err := parseDiscovery(document, d.issuer)
	if err != nil {
		return nil, fmt.Errorf("discover keys at %s: %w", d.remote.name, err)
	}
	keys := &remote{uri.String(), uri.Scheme + "://" + uri.Host + uri.EscapedPath(), d.remote.client}
	return keys.load(ctx)
}

// parseDiscovery returns where the document of issuer says that its keys are. It must be the issuer's own document, to the letter: what another one publishes is about another one's keys
// (section 4.3). Who speaks https must not lead to keys that anybody in between could replace.
func parseDiscovery(document []byte, issuer string) (*url.URL, error) {
	if len(document) > MaxSize {
		return nil, fmt.Errorf("the document has more than %d bytes", MaxSize)
	}
	var d struct {
		Issuer string `json:"issuer"`
		URI    string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(document, &d); err != nil {
		return nil, fmt.Errorf("the document is not JSON: %w", err)
	}
	if d.Issuer != issuer {
		return nil, fmt.Errorf("the document is of issuer %.200q, not of %q", d.Issuer, issuer)
	}
	u, err := url.Parse(d.URI)
	if err != nil || d.URI == "" {
		return nil, fmt.Errorf("the document's jwks_uri is missing or no address")
	}
	if err := usable(u); err != nil {
		return nil, fmt.Errorf("jwks_uri: %w", err)
	}
	if u.Scheme == "http" && strings.HasPrefix(issuer, "https:") {
		return nil, fmt.Errorf("jwks_uri is http, and the issuer https: whoever sits between could replace the keys")
	}
	return u, nil
}
