package gateway

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"

	"portcullis/internal/gateway/door"
	"portcullis/internal/wire"
)

// checkShape holds a request against RFC 6455, section 4.2.1, before anything is done for it. What the library would accept and a
// balancer might read otherwise, a body above all, is refused too.
func checkShape(r *http.Request) error {
	h := r.Header
	switch {
	case !r.ProtoAtLeast(1, 1) || r.ProtoMajor != 1:
		return door.Reject(door.BadHandshake, "the request is %s: a WebSocket handshake is HTTP/1.1", r.Proto)
	case !hasToken(h.Values("Connection"), "upgrade") || !hasToken(h.Values("Upgrade"), "websocket"):
		return door.Reject(door.UpgradeRequired, "no upgrade to websocket is asked for")
	case !slices.Equal(h.Values("Sec-WebSocket-Version"), []string{"13"}):
		return door.Reject(door.UpgradeRequired, "Sec-WebSocket-Version is not 13")
	case r.ContentLength != 0 || len(r.TransferEncoding) > 0 || h.Get("Content-Length") != "" || h.Get("Transfer-Encoding") != "":
		return door.Reject(door.BadHandshake, "the request has a Content-Length or a Transfer-Encoding: a handshake has no body")
	}
	keys := h.Values("Sec-WebSocket-Key")
	if len(keys) != 1 {
		return door.Reject(door.BadHandshake, "there are %d Sec-WebSocket-Key headers: send one", len(keys))
	}
	if key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(keys[0])); err != nil || len(key) != 16 {
		return door.Reject(door.BadHandshake, "Sec-WebSocket-Key is not 16 bytes in base64")
	}
	return nil
}

func hasToken(values []string, token string) bool {
	for _, v := range values {
		for t := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(t), token) {
				return true
			}
		}
	}
	return false
}

// choose finds the dialect of a handshake. No subprotocol at all means the first; a token alone is refused, since a client fails a
// handshake that answers none of the entries that it sent.
func choose(dialects []wire.Dialect, offered []string, tokenAmongThem bool) (wire.Dialect, string, error) {
	if len(offered) == 0 && !tokenAmongThem {
		return dialects[0], "", nil
	}
	known := make([]string, len(dialects))
	for i, d := range dialects {
		if slices.Contains(offered, d.Subprotocol()) {
			return d, d.Subprotocol(), nil
		}
		known[i] = d.Subprotocol()
	}
	return nil, "", door.Reject(door.BadSubprotocol, "no known subprotocol is offered in Sec-WebSocket-Protocol; known are %s", strings.Join(known, ", "))
}
