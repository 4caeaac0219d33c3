package proxy

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// readXFCC reads Envoy's header: elements between commas, one for each proxy that the request passed; in each, pairs between semicolons, whose values stand in quotes
// where they hold a separator. There must be exactly one element: more were forwarded by a proxy that should have replaced them. No header is no certificate.
//
// Subject, URI and Hash say what a proxy thinks of a certificate. What counts is the certificate itself.
func readXFCC(headers []string) ([]*x509.Certificate, error) {
	switch len(headers) {
	case 0:
		return nil, nil
	case 1:
	default:
		return nil, fmt.Errorf("there are %d headers; the proxy must replace what came and send one", len(headers))
	}
	pairs, err := element(headers[0])
	if err != nil {
		return nil, err
	}
	chain, err := certificates(pairs["cert"], pairs["chain"])
	if err != nil {
		return nil, err
	}
	if hash, there := pairs["hash"]; there {
		sum := sha256.Sum256(chain[0].Raw)
		if !strings.EqualFold(hash, hex.EncodeToString(sum[:])) {
			return nil, errors.New("its Hash is not that of the certificate")
		}
	}
	return chain, nil
}

// element reads the pairs of the one element, keys in lower case.
func element(s string) (map[string]string, error) {
	pairs := make(map[string]string)
	for {
		key, rest, found := strings.Cut(s, "=")
		if !found || key == "" || strings.ContainsAny(key, "\";, \t") {
			return nil, errors.New("it is no list of key=value")
		}
		key = strings.ToLower(key)
		value, rest, err := value(rest)
		if err != nil {
			return nil, err
		}
		if _, twice := pairs[key]; twice && (key == "cert" || key == "chain" || key == "hash") { // URI and DNS may stand there more than once
			return nil, fmt.Errorf("%s stands there twice", key)
		}
		pairs[key] = value
		switch {
		case rest == "":
			return pairs, nil
		case rest[0] == ',':
			return nil, errors.New("it has more than one element; the proxy must replace what came (SANITIZE_SET)")
		}
		s = rest[1:] // behind the semicolon
	}
}

// value reads a value up to the separator behind it, which rest begins with.
func value(s string) (value, rest string, err error) {
	if !strings.HasPrefix(s, `"`) {
		end := strings.IndexAny(s, ";,")
		if end < 0 {
			end = len(s)
		}
		if strings.ContainsRune(s[:end], '"') {
			return "", "", errors.New("a quote stands inside a value that does not begin with one")
		}
		return s[:end], s[end:], nil
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case s[i] == '"':
			if rest = s[i+1:]; rest != "" && rest[0] != ';' && rest[0] != ',' {
				return "", "", errors.New("something stands behind a quoted value")
			}
			return b.String(), rest, nil
		default:
			b.WriteByte(s[i])
		}
	}
	return "", "", errors.New("a quoted value does not end")
}

// certificates reads the URL-encoded PEM of Cert, the leaf, and of Chain, the leaf and what is above it. One of the two must be there.
func certificates(cert, chain string) ([]*x509.Certificate, error) {
	leaf, err := fromPEM(cert)
	if err != nil {
		return nil, fmt.Errorf("its Cert: %w", err)
	}
	all, err := fromPEM(chain)
	if err != nil {
		return nil, fmt.Errorf("its Chain: %w", err)
	}
	switch {
	case len(leaf) == 0 && len(all) == 0:
		return nil, errors.New("there is neither Cert nor Chain; who somebody is follows from the certificate alone")
	case len(leaf) > 1:
		return nil, fmt.Errorf("its Cert holds %d certificates; it is one", len(leaf))
	case len(all) == 0:
		return leaf, nil
	case len(leaf) == 1 && !leaf[0].Equal(all[0]):
		return nil, errors.New("its Chain does not begin with Cert")
	}
	return all, nil
}

func fromPEM(escaped string) ([]*x509.Certificate, error) {
	text, err := url.PathUnescape(escaped) // a plus stands for itself: it is base64's
	if err != nil {
		return nil, err
	}
	var certs []*x509.Certificate
	for rest := []byte(text); ; {
		rest = []byte(strings.TrimLeft(string(rest), " \r\n\t"))
		if len(rest) == 0 && strings.Count(text, "-----BEGIN ") != len(certs) { // pem passes over a block that it cannot read
			return nil, errors.New("one of its PEM blocks cannot be read")
		}
		if len(rest) == 0 {
			return certs, nil
		}
		var block *pem.Block
		if !strings.HasPrefix(string(rest), "-----BEGIN CERTIFICATE-----") {
			return nil, errors.New("it holds something that is no certificate in PEM")
		}
		if block, rest = pem.Decode(rest); block == nil || len(block.Headers) > 0 {
			return nil, errors.New("its PEM cannot be read")
		}
		if len(certs) == maxChain {
			return nil, fmt.Errorf("the chain has more than %d certificates", maxChain)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		certs = append(certs, c)
	}
}
