package door

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/limit"
	"portcullis/internal/wire"
)

// Reasons of the gateway's own, beside those of [auth.Reason]: together they are the closed set of an attempt's metric label.
const (
	Accepted        auth.Reason = "ok"
	BadHandshake    auth.Reason = "bad_handshake"
	UpgradeRequired auth.Reason = "upgrade_required"
	BadSubprotocol  auth.Reason = "bad_subprotocol"
	OriginRefused   auth.Reason = "origin_refused"
	TenantFull      auth.Reason = "connection_limit_tenant"
	UserFull        auth.Reason = "connection_limit_user"
	TenantRate      auth.Reason = "connection_rate_tenant"
	EchoForbidden   auth.Reason = "echo_forbidden"
	OtherUser       auth.Reason = "other_user" // a refresh by somebody else's token, or by an older one
	ManageForbidden auth.Reason = "manage_forbidden"
	MessageRate     auth.Reason = "message_rate"
	Draining        auth.Reason = "draining"
	Internal        auth.Reason = "internal"
)

// Fault says whose fault a refusal is, so that an objective need not count bad tokens. The set is closed: it is a metric label.
type Fault string

// The faults.
const (
	NoFault     Fault = "none"
	ClientFault Fault = "client"
	ServerFault Fault = "server"
)

// Answer is what a reason becomes at the edge.
type Answer struct {
	Reason auth.Reason
	Code   wire.Code
	Fault  Fault
	Detail string // for the client; empty when the error's own text is for it
}

// notBelieved is all that a client is told of a credential that was not believed: what was wrong with it is for the operator.
const notBelieved = "the credential was not believed; the operator finds the reason in the log, " + byInstance

// How the operator finds what a client quotes: a problem has an instance, and a frame comes on a connection whose id its client knows.
const (
	byInstance   = "by this problem's instance"
	byConnection = "by this connection's id"
)

// Answers is the one table from reasons to answers, and the closed set of reasons.
var Answers = []Answer{
	{Accepted, "", NoFault, ""},
	{BadHandshake, wire.BadHandshake, ClientFault, ""},
	{UpgradeRequired, wire.UpgradeRequired, ClientFault, "this path speaks WebSocket only: send Connection: Upgrade, Upgrade: websocket and Sec-WebSocket-Version: 13"},
	{auth.MissingCredentials, wire.Unauthorized, ClientFault, "send a token as Authorization: Bearer, or, to connect, as the subprotocol entry bearer.<token> or a ticket; or show a client certificate"},
	{auth.AmbiguousCredentials, wire.BadHandshake, ClientFault, "send exactly one token: in Authorization or in Sec-WebSocket-Protocol, or a ticket"},
	{auth.CredentialInURL, wire.BadHandshake, ClientFault, "the query has what this path does not know, a mistyped name perhaps; a token goes into Authorization: Bearer, or into the subprotocol entry bearer.<token>, never into a URL: those are written into logs"},
	{auth.ForwardedIdentity, wire.BadHandshake, ClientFault, "the request has a header that only a trusted proxy may send, in the one form that is configured"},
	{auth.HandshakeRate, wire.RateLimited, ClientFault, "too many requests came from this address: wait"},
	{auth.AddressLimited, wire.RateLimited, ClientFault, "too many failed attempts came from this address: wait, and send a credential that is good"},
	{auth.TokenMalformed, wire.Unauthorized, ClientFault, notBelieved},
	{auth.TokenTooLarge, wire.Unauthorized, ClientFault, notBelieved},
	{auth.DuplicateMember, wire.Unauthorized, ClientFault, notBelieved},
	{auth.AlgNotAllowed, wire.Unauthorized, ClientFault, notBelieved},
	{auth.CriticalHeader, wire.Unauthorized, ClientFault, notBelieved},
	{auth.EmbeddedKey, wire.Unauthorized, ClientFault, notBelieved},
	{auth.TokenType, wire.Unauthorized, ClientFault, notBelieved},
	{auth.BadIssuer, wire.Unauthorized, ClientFault, notBelieved},
	{auth.BadAudience, wire.Unauthorized, ClientFault, notBelieved},
	{auth.BadSubject, wire.Unauthorized, ClientFault, notBelieved},
	{auth.UnknownKey, wire.Unauthorized, ClientFault, notBelieved},
	{auth.AlgKeyMismatch, wire.Unauthorized, ClientFault, notBelieved},
	{auth.KeysUnavailable, wire.Unavailable, ServerFault, "the gateway has no keys of this token's issuer: try again later"},
	{auth.BadSignature, wire.Unauthorized, ClientFault, notBelieved},
	{auth.TokenExpired, wire.TokenExpired, ClientFault, "the token has expired: get a new one"},
	{auth.TokenNotYetValid, wire.Unauthorized, ClientFault, notBelieved},
	{auth.TokenTooLongLived, wire.Unauthorized, ClientFault, notBelieved},
	{auth.TokenReplayed, wire.Unauthorized, ClientFault, notBelieved},
	{auth.TokenBound, wire.Unauthorized, ClientFault, notBelieved},
	{auth.BadGrant, wire.Unauthorized, ClientFault, notBelieved},
	{auth.ProofInvalid, wire.Unauthorized, ClientFault, notBelieved},
	{auth.ProofReplayed, wire.Unauthorized, ClientFault, notBelieved},
	{auth.TicketUnknown, wire.Unauthorized, ClientFault, notBelieved},
	{auth.TicketStolen, wire.Unauthorized, ClientFault, notBelieved},
	{auth.CertificateUntrusted, wire.Unauthorized, ClientFault, notBelieved},
	{auth.CertificateExpired, wire.Unauthorized, ClientFault, notBelieved},
	{auth.CertificatePurpose, wire.Unauthorized, ClientFault, notBelieved},
	{auth.CertificateIdentity, wire.Unauthorized, ClientFault, notBelieved},
	{auth.CertificateTenant, wire.Unauthorized, ClientFault, notBelieved},
	{auth.CertificateRevoked, wire.Unauthorized, ClientFault, notBelieved},
	{auth.RevocationUnknown, wire.Unavailable, ServerFault, "the gateway has no current revocation list for this certificate: try again later"},
	{auth.Revoked, wire.Unauthorized, ClientFault, notBelieved},
	{auth.TenantSuspended, wire.TenantSuspended, ClientFault, "the operator suspended this tenant"},
	{auth.EngineAway, wire.Unavailable, ServerFault, "the gateway cannot ask its engine whether the credential is still good: try again"},
	{auth.Overloaded, wire.Unavailable, ServerFault, "the gateway is verifying as many credentials as it can: try again"},
	{OriginRefused, wire.OriginRefused, ClientFault, "pages of this origin may not connect: the operator adds it to the tenant's origins"},
	{TenantFull, wire.QuotaExceeded, ClientFault, ""},
	{UserFull, wire.QuotaExceeded, ClientFault, ""},
	{TenantRate, wire.RateLimited, ClientFault, ""},
	{BadSubprotocol, wire.BadHandshake, ClientFault, ""},
	{EchoForbidden, wire.Forbidden, ClientFault, "echo on channel echo is not allowed, and this subprotocol does nothing else"},
	{OtherUser, wire.Forbidden, ClientFault, ""},
	{ManageForbidden, wire.Forbidden, ClientFault, "no rule allows you to manage this tenant"},
	{MessageRate, wire.RateLimited, ClientFault, ""},
	{Draining, wire.Unavailable, ServerFault, "the gateway is being stopped: connect again, to another node"},
	{Internal, wire.Internal, ServerFault, "the gateway failed; the operator finds why in the log, " + byInstance},
}

// InFrame is the detail for a client that reads it in a frame.
func (a Answer) InFrame() string { return strings.Replace(a.Detail, byInstance, byConnection, 1) }

// Reject is [auth.Refuse] for a text that the client may read.
func Reject(reason auth.Reason, format string, args ...any) error {
	return &auth.Refusal{Reason: reason, Err: fmt.Errorf(format, args...)}
}

// passing is a refusal that passes by itself.
type passing struct {
	auth.Refusal
	retry time.Duration
}

// Later is [Reject] for what passes by itself.
func Later(reason auth.Reason, retry time.Duration, format string, args ...any) error {
	return limited(reason, retry, format, args...)
}

// NoPlace is the answer to somebody for whom there is no place.
func NoPlace(over limit.Over) error {
	switch over.Quota {
	case limit.ConnectionsPerUser:
		return Reject(UserFull, "%s", over.Text())
	case limit.ConnectionsPerSecond:
		return Later(TenantRate, over.Retry, "%s", over.Text())
	}
	return Reject(TenantFull, "%s", over.Text())
}

func limited(reason auth.Reason, retry time.Duration, format string, args ...any) error {
	return &passing{auth.Refusal{Reason: reason, Err: fmt.Errorf(format, args...)}, retry}
}

func (p *passing) Unwrap() error { return &p.Refusal }

// AnswerTo finds the answer to an error of the road. One that carries no reason is the gateway's own failure.
func AnswerTo(err error) Answer {
	reason := auth.ReasonOf(err)
	for _, a := range Answers {
		if a.Reason == reason && reason != Accepted {
			if a.Detail == "" {
				a.Detail = detailOf(err)
			}
			return a
		}
	}
	return AnswerTo(&auth.Refusal{Reason: Internal, Err: err})
}

func detailOf(err error) string {
	if r, ok := errors.AsType[*auth.Refusal](err); ok {
		return r.Err.Error()
	}
	return ""
}

// retryAfter is when a client that was refused for a reason that passes by itself may come again, 0 where nobody knows.
func retryAfter(err error) time.Duration {
	if p, ok := errors.AsType[*passing](err); ok {
		return max(p.retry, time.Second)
	}
	return 0
}
