package auth

import (
	"errors"
	"fmt"
)

// Reason says why a credential was not believed. The set is closed: it is a metric label, a log field and the key
// of the gateway's table of answers. The client is told only what that table says.
type Reason string

// The reasons, in the order in which a credential is looked at.
const (
	MissingCredentials   Reason = "missing_credentials"
	AmbiguousCredentials Reason = "ambiguous_credentials"
	CredentialInURL      Reason = "credential_in_url"
	ForwardedIdentity    Reason = "forwarded_identity" // a proxy's identity header from somebody who is no trusted proxy, or one that cannot be read
	HandshakeRate        Reason = "handshake_rate"     // more requests from one address than it may send
	AddressLimited       Reason = "address_limited"    // too many failed attempts from one address
	TokenMalformed       Reason = "token_malformed"
	TokenTooLarge        Reason = "token_too_large"
	DuplicateMember      Reason = "duplicate_member" // also names that differ only in case
	AlgNotAllowed        Reason = "alg_not_allowed"
	CriticalHeader       Reason = "critical_header" // RFC 7515, section 4.1.11
	EmbeddedKey          Reason = "embedded_key"    // jwk, jku, x5c, x5u
	TokenType            Reason = "token_type"
	BadIssuer            Reason = "bad_issuer"
	BadAudience          Reason = "bad_audience"
	BadSubject           Reason = "bad_subject"
	UnknownKey           Reason = "unknown_key"
	AlgKeyMismatch       Reason = "alg_key_mismatch"
	KeysUnavailable      Reason = "keys_unavailable" // the gateway holds no keys of this issuer: its fault, not the client's
	BadSignature         Reason = "bad_signature"
	TokenExpired         Reason = "token_expired"
	TokenNotYetValid     Reason = "token_not_yet_valid"
	TokenTooLongLived    Reason = "token_too_long_lived"
	TokenReplayed        Reason = "token_replayed" // a logout token that was taken before
	TokenBound           Reason = "token_bound"    // a cnf that the gateway cannot check, or that does not fit
	BadGrant             Reason = "bad_grant"      // authorization_details of our type that are not understood (RFC 9396, section 2)
	ProofInvalid         Reason = "proof_invalid"  // a DPoP proof that does not fit (RFC 9449, section 4.3)
	ProofReplayed        Reason = "proof_replayed" // a DPoP proof that was used before
	TicketUnknown        Reason = "ticket_unknown" // never made, used before, or over
	TicketStolen         Reason = "ticket_stolen"  // shown by another page, or over another certificate, than it was made for

	CertificateUntrusted Reason = "certificate_untrusted"
	CertificateExpired   Reason = "certificate_expired" // or not yet valid
	CertificatePurpose   Reason = "certificate_purpose" // not for client authentication, or an authority itself
	CertificateIdentity  Reason = "certificate_identity"
	CertificateTenant    Reason = "certificate_tenant"  // a certificate beside a token of another tenant
	CertificateRevoked   Reason = "certificate_revoked" // by its authority's revocation list
	RevocationUnknown    Reason = "revocation_unknown"  // its authority's revocation list is missing or too old

	Revoked         Reason = "revoked" // the token, its user, session or key, or the certificate
	TenantSuspended Reason = "tenant_suspended"

	Overloaded Reason = "overloaded"  // too many verifications at once
	EngineAway Reason = "engine_away" // nobody can say now whether the credential was revoked, or whether a ticket is good
)

// Refusal is a credential that was not believed, and why. Err is for the operator; it never holds the credential.
type Refusal struct {
	Reason Reason
	Err    error
}

// Refuse returns a [*Refusal] whose detail is for the log alone. It must not hold a token or a part of one.
func Refuse(reason Reason, format string, args ...any) error {
	return &Refusal{reason, fmt.Errorf(format, args...)}
}

func (r *Refusal) Error() string { return string(r.Reason) + ": " + r.Err.Error() }
func (r *Refusal) Unwrap() error { return r.Err }

// ReasonOf returns the reason that err carries, or "" when err is no refusal.
func ReasonOf(err error) Reason {
	if r, ok := errors.AsType[*Refusal](err); ok {
		return r.Reason
	}
	return ""
}
