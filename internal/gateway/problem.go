package gateway

import (
	"net/http"

	"portcullis/internal/problem"
	"portcullis/internal/wire"
)

// answerWith answers with an error and closes the connection: whatever sent the request may have meant what followed it as frames.
func answerWith(w http.ResponseWriter, p problem.Problem) {
	w.Header().Set("Connection", "close")
	if p.Code == wire.UpgradeRequired { // RFC 9110, section 15.5.22
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Sec-WebSocket-Version", "13")
	}
	problem.Write(w, p)
}

// challenge says how to authenticate (RFC 6750, section 3). Without a credential there is no error to tell.
func challenge(code wire.Code, missing bool) string {
	const realm = `Bearer realm="portcullis"`
	switch {
	case missing:
		return realm
	case code == wire.TokenExpired:
		return realm + `, error="invalid_token", error_description="the token has expired"`
	}
	return realm + `, error="invalid_token"`
}
