package e2ee

import (
	"context"
	"errors"
	"fmt"
)

// maxKeySet bounds the text of a key set, in bytes.
const maxKeySet = 256 << 10

// keySet is an issuer's keys by their id.
type keySet map[string]*issuerKey

// readKeySet reads a JWK Set (RFC 7517, section 5). Keys that verify nothing here are skipped: sets hold keys for other purposes too.
func readKeySet(text []byte) (keySet, error) {
	if len(text) > maxKeySet {
		return nil, fmt.Errorf("the key set has more than %d bytes", maxKeySet)
	}
	o, err := readObject(text)
	if err != nil {
		return nil, fmt.Errorf("the key set: %w", err)
	}
	list, _ := o.lookup("keys")
	if len(list) == 0 || list[0] != '[' {
		return nil, errors.New(`the key set has no list "keys" (RFC 7517, section 5)`)
	}
	set := make(keySet)
	var last error
	for element := range list.elements() {
		jwk, _ := element.object()
		key, err := jwk.issuerKey()
		if err != nil {
			last = err
			continue
		}
		kid := jwk.text("kid")
		if set[kid] != nil {
			return nil, fmt.Errorf("the key set has two keys with kid %.64q; which one signs is a guess", kid)
		}
		set[kid] = key
	}
	if len(set) == 0 && last == nil {
		return nil, errors.New("the key set is empty")
	}
	if len(set) == 0 {
		return nil, fmt.Errorf("the key set has no key that verifies assertions (of the last: %w)", last)
	}
	return set, nil
}

func (s keySet) lookup(_ context.Context, kid string) (*issuerKey, error) {
	if key := s[kid]; key != nil {
		return key, nil
	}
	return nil, fmt.Errorf("there is none with kid %.64q", kid)
}
