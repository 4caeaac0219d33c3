package presence

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"portcullis/internal/auth"
	"portcullis/internal/channel"
	"portcullis/internal/tenant"
)

// prefix stands before every key of presence in the engine's memory.
const prefix = "presence/"

// key is where the engine keeps a member: PREFIX tenant / channel / connection. A tenant's id and a channel's name in base64url hold no slash, so that no two members have one key, and no tenant can write
// another's.
func key(ref channel.Ref, connection string) string {
	return prefix + ref.Tenant.String() + "/" + base64.RawURLEncoding.EncodeToString([]byte(ref.Name.String())) + "/" + connection
}

// address reads a key. What it takes, [key] writes the same.
func address(text string) (ref channel.Ref, connection string, err error) {
	rest, ok := strings.CutPrefix(text, prefix)
	id, rest, _ := strings.Cut(rest, "/")
	name, connection, found := strings.Cut(rest, "/")
	if !ok || !found || connection == "" {
		return ref, "", fmt.Errorf("key %.80q is no member's", text)
	}
	plain, err := base64.RawURLEncoding.DecodeString(name)
	if err != nil {
		return ref, "", fmt.Errorf("key %.80q: %w", text, err)
	}
	if ref.Tenant, err = tenant.Parse(id); err != nil {
		return ref, "", err
	}
	if ref.Name, err = channel.Parse(string(plain)); err != nil {
		return ref, "", err
	}
	if key(ref, connection) != text { // base64 has more than one spelling: line breaks, and bits that count for nothing
		return ref, "", fmt.Errorf("key %.80q is not as it is written", text)
	}
	return ref, connection, nil
}

// document is a member as the engine keeps it. A newer node may know more of it.
type document struct {
	User string          `json:"user"`
	Info json.RawMessage `json:"info,omitempty"`
}

func write(user, info string) []byte {
	var text bytes.Buffer
	to := json.NewEncoder(&text)
	to.SetEscapeHTML(false)                                                  // info must not grow
	if err := to.Encode(document{user, json.RawMessage(info)}); err != nil { // info was no JSON
		_ = to.Encode(document{User: user})
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n"))
}

func read(text []byte) (user, info string, err error) {
	var d document
	if err := json.Unmarshal(text, &d); err != nil {
		return "", "", err
	}
	if d.User == "" || len(d.Info) > auth.MaxInfo {
		return "", "", errors.New("it has no user, or more info than a member may have")
	}
	return d.User, string(d.Info), nil
}
