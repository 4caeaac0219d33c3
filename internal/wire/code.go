package wire

import "net/http"

// Code is a machine-readable error, the same on the wire, in an HTTP problem, as a metric label and in the docs.
type Code string

// The codes that exist. Their statuses and meanings stand in [Codes].
const (
	BadRequest         Code = "bad_request"
	BadHandshake       Code = "bad_handshake"
	UnknownType        Code = "unknown_type"
	BadChannel         Code = "bad_channel"
	Unauthorized       Code = "unauthorized"
	TokenExpired       Code = "token_expired"
	Forbidden          Code = "forbidden"
	OriginRefused      Code = "origin_refused"
	TenantSuspended    Code = "tenant_suspended"
	NotFound           Code = "not_found"
	NotAvailable       Code = "not_available"
	MethodNotAllowed   Code = "method_not_allowed"
	AlreadySubscribed  Code = "already_subscribed"
	NotSubscribed      Code = "not_subscribed"
	Conflict           Code = "conflict"
	Unrecoverable      Code = "unrecoverable"
	TooLarge           Code = "too_large"
	Misdirected        Code = "misdirected"
	EncryptionRequired Code = "encryption_required"
	UpgradeRequired    Code = "upgrade_required"
	RateLimited        Code = "rate_limited"
	QuotaExceeded      Code = "quota_exceeded"
	Internal           Code = "internal"
	Unavailable        Code = "unavailable"
)

// Codes is the one table of error codes: what each means, and the HTTP status of a problem that carries it (RFC 9457).
var Codes = []struct {
	Code    Code
	Status  int
	Meaning string
}{
	{BadRequest, http.StatusBadRequest, "the request cannot be read or breaks a rule of its form"},
	{BadHandshake, http.StatusBadRequest, "the request is no WebSocket handshake that can be served, or carries more than one credential"},
	{UnknownType, http.StatusBadRequest, "the frame's type is not one that a client sends"},
	{BadChannel, http.StatusBadRequest, "the channel's name breaks the grammar of names, or is a pattern"},
	{Unauthorized, http.StatusUnauthorized, "there is no credential, or it was not believed; the operator finds the reason by the problem's instance, or by the connection's id where it is a frame"},
	{TokenExpired, http.StatusUnauthorized, "the token's signature is right and its time is over: get a new one"},
	{Forbidden, http.StatusForbidden, "no rule allows this to this user, or a rule denies it"},
	{OriginRefused, http.StatusForbidden, "the page's origin is not in its tenant's list"},
	{TenantSuspended, http.StatusForbidden, "the operator suspended the tenant"},
	{NotFound, http.StatusNotFound, "there is nothing at this path"},
	{NotAvailable, http.StatusNotFound, "the channel or this gateway does not have this feature"},
	{MethodNotAllowed, http.StatusMethodNotAllowed, "the path exists, for another method"},
	{AlreadySubscribed, http.StatusConflict, "the connection has a subscription to this channel"},
	{NotSubscribed, http.StatusConflict, "the connection has no subscription to this channel"},
	{Conflict, http.StatusConflict, "the idempotency key was used for another message within five minutes"},
	{Unrecoverable, http.StatusGone, "a strict recovery is not possible"},
	{TooLarge, http.StatusRequestEntityTooLarge, "the request's body is larger than this path takes"},
	{Misdirected, http.StatusMisdirectedRequest, "the request's Host is not a name of this listener"},
	{EncryptionRequired, http.StatusUnprocessableEntity, "the channel takes only what is end-to-end encrypted, and this is not, or not for this tenant and channel"},
	{UpgradeRequired, http.StatusUpgradeRequired, "this path speaks WebSocket only (RFC 6455)"},
	{RateLimited, http.StatusTooManyRequests, "too many messages: retry after retry_ms"},
	{QuotaExceeded, http.StatusTooManyRequests, "a limit of the connection, user or tenant is reached"},
	{Internal, http.StatusInternalServerError, "the gateway failed; the operator finds why in the log"},
	{Unavailable, http.StatusServiceUnavailable, "the gateway cannot serve this now: draining, too busy, or without the issuer's keys"},
}

// Status returns the HTTP status of a problem with this code, 500 for one that is not in [Codes].
func (c Code) Status() int {
	for _, row := range Codes {
		if row.Code == c {
			return row.Status
		}
	}
	return http.StatusInternalServerError
}
