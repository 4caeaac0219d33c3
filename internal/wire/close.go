package wire

import (
	"strconv"
	"time"
)

// Close is a reason for which the gateway ends a connection. The band of its status tells a simple client what to do:
// 40xx reconnect, 41xx back off, 42xx get a new credential first, everything else stop.
type Close struct {
	Status int    // the WebSocket close code (RFC 6455, section 7.4)
	Name   string // the code in the close reason, a metric label and a log field
}

// The closes that exist. Their meanings stand in [Closes].
var (
	Draining           = Close{4000, "draining"}
	Rebalance          = Close{4001, "rebalance"}
	ClosedInternal     = Close{4100, "internal"}
	SlowConsumer       = Close{4101, "slow_consumer"}
	PingTimeout        = Close{4102, "ping_timeout"}
	ClosedRateLimited  = Close{4103, "rate_limited"}
	CredentialExpired  = Close{4200, "credential_expired"}
	CredentialRevoked  = Close{4201, "credential_revoked"}
	CredentialRefused  = Close{4202, "credential_refused"}
	ProtocolViolation  = Close{4500, "protocol_violation"}
	IdentityGone       = Close{4501, "identity_gone"}
	ClosedSuspended    = Close{4502, "tenant_suspended"}
	Disconnected       = Close{4505, "disconnected"}
	ProtocolError      = Close{1002, "protocol_error"}
	UnsupportedPayload = Close{1003, "unsupported_data"}
	InvalidUTF8        = Close{1007, "invalid_utf8"}
	MessageTooBig      = Close{1009, "message_too_big"}
)

// EndsRight reports whether the client may have nothing more from the moment on that the connection is being closed: its credential is not
// believed any more, or the gateway will not serve it again.
func (c Close) EndsRight() bool {
	return c.Status >= 4200 && c.Status < 4300 || c == IdentityGone || c == ClosedSuspended || c == Disconnected
}

// Closes is the one table of close codes.
var Closes = []struct {
	Close
	Meaning, Client string
}{
	{Draining, "the gateway is being stopped or deployed", "reconnect after retry_ms"},
	{Rebalance, "the connection has lived as long as one may", "reconnect after retry_ms"},
	{ClosedInternal, "the gateway failed", "back off, reconnect"},
	{SlowConsumer, "the client did not read as fast as its channels spoke, and its outbox was full", "back off, reconnect"},
	{PingTimeout, "the client did not answer a ping, or stopped in the middle of a message", "back off, reconnect"},
	{ClosedRateLimited, "ten requests within ten seconds were over a limit", "back off, reconnect"},
	{CredentialExpired, "the token or certificate ended", "get a new credential, reconnect"},
	{CredentialRevoked, "the token, its user, session or key, or the certificate was revoked", "get a new credential, reconnect"},
	{CredentialRefused, "the tenant's issuers or authorities were changed, and this credential would not be believed again", "get a new credential, reconnect"},
	{ProtocolViolation, "frames that no client sends: a flood of pings or of empty fragments", "stop"},
	{IdentityGone, "the tenant is not configured any more", "stop"},
	{ClosedSuspended, "the operator suspended the tenant", "stop"},
	{Disconnected, "the tenant's backend, or the operator, ended this connection", "stop"},
	{ProtocolError, "frames that break the WebSocket protocol (RFC 6455)", "stop"},
	{UnsupportedPayload, "a binary message on a subprotocol of text (RFC 6455)", "stop"},
	{InvalidUTF8, "a text message that is not UTF-8 (RFC 6455, section 8.1)", "stop"},
	{MessageTooBig, "a message larger than the tenant's message_size (RFC 6455)", "stop"},
}

// Reason is the text of the close frame, at most 123 bytes: {"code":"...","retry_ms":N}. A zero retry is left out.
func (c Close) Reason(retry time.Duration) string {
	b := append([]byte(`{"code":"`), c.Name...)
	b = append(b, '"')
	if retry > 0 {
		b = append(b, `,"retry_ms":`...)
		b = strconv.AppendInt(b, retry.Milliseconds(), 10)
	}
	return string(append(b, '}'))
}
