package audit

import "portcullis/internal/auth"

// Event is what happened, in the words of the OWASP Logging Vocabulary. The set is closed: it is a metric label.
type Event string

// Level is how much an event matters. The set is closed: it is a metric label.
type Level string

// The levels.
const (
	Info     Level = "INFO"
	Warn     Level = "WARN"
	Critical Level = "CRITICAL"
)

// The events that this gateway can see.
const (
	LoginSuccess          Event = "authn_login_success"
	LoginSuccessAfterFail Event = "authn_login_successafterfail"
	LoginFail             Event = "authn_login_fail"
	LoginFailMax          Event = "authn_login_fail_max"
	TokenCreated          Event = "authn_token_created"
	TokenRevoked          Event = "authn_token_revoked"
	TokenReuse            Event = "authn_token_reuse"
	AuthzFail             Event = "authz_fail"
	AuthzChange           Event = "authz_change"
	AuthzAdmin            Event = "authz_admin"
	SessionRenewed        Event = "session_renewed"
	SessionExpired        Event = "session_expired"
	SessionLogout         Event = "session_logout"
	RateExceeded          Event = "excess_rate_limit_exceeded"
	SessionsExceeded      Event = "excess_sessions_exceeded"
	InputInvalid          Event = "input_validation_fail"
	Extraneous            Event = "malicious_extraneous"
	ForeignOrigin         Event = "malicious_cors"
	DirectReference       Event = "malicious_direct_reference"
)

// Levels is the one table of events, and how much each matters.
var Levels = map[Event]Level{
	LoginSuccess: Info, LoginSuccessAfterFail: Info, LoginFail: Warn, LoginFailMax: Warn, TokenCreated: Info, TokenRevoked: Info, TokenReuse: Critical,
	AuthzFail: Critical, AuthzChange: Warn, AuthzAdmin: Warn,
	SessionRenewed: Info, SessionExpired: Info, SessionLogout: Info,
	RateExceeded: Warn, SessionsExceeded: Warn, InputInvalid: Warn,
	Extraneous: Critical, ForeignOrigin: Critical, DirectReference: Critical,
}

// refusals are what a refusal at the door is, where it is more than a login that failed. The gateway's own reasons stand in attempts.go.
var refusals = map[auth.Reason]Event{
	auth.ForwardedIdentity: Extraneous,
	auth.EmbeddedKey:       Extraneous,
	auth.CredentialInURL:   Extraneous,
	auth.CertificateTenant: DirectReference,
	auth.TokenBound:        TokenReuse,
	auth.ProofReplayed:     TokenReuse,
	auth.TicketStolen:      TokenReuse,
	auth.TokenReplayed:     TokenReuse,
	auth.Revoked:           TokenReuse,
	auth.AddressLimited:    RateExceeded,
	auth.HandshakeRate:     RateExceeded,
}
