package e2ee

import "fmt"

// Reason says why something was refused. The set is closed.
type Reason string

// The reasons.
const (
	Form        Reason = "form"        // it is not written as it must be
	Plaintext   Reason = "plaintext"   // it is not encrypted, and the room is
	Tenant      Reason = "tenant"      // it belongs to another tenant
	Channel     Reason = "channel"     // it belongs to another channel
	Key         Reason = "key"         // no key that is held, or none that counts any more
	Tampered    Reason = "tampered"    // it does not decrypt
	From        Reason = "sender"      // nobody who may speak here said it, or another than the gateway says
	Expired     Reason = "expired"     // its time is over
	Signature   Reason = "signature"   // it does not verify
	Replay      Reason = "replay"      // it was here before, or may have been
	Distributor Reason = "distributor" // whoever gave a key, or wants to, may not
	Rollback    Reason = "rollback"    // a grant goes back behind another
	NotMember   Reason = "not_member"  // a key is for others
	Assertion   Reason = "assertion"   // nobody vouches for a member
)

// Error is a refusal. Detail names what and the remedy; it has nothing of what was encrypted, and no key.
type Error struct {
	Reason Reason
	Detail string

	cause error
}

func (e *Error) Error() string { return "end-to-end encryption: " + string(e.Reason) + ": " + e.Detail }

// Unwrap returns what kept an issuer's keys from being read, such as the end of a context; else nil.
func (e *Error) Unwrap() error { return e.cause }

func refuse(reason Reason, format string, args ...any) error {
	return &Error{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}
