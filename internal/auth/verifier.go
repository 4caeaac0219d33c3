package auth

import (
	"context"
	"time"
)

// Verifier decides whom a credential speaks for.
//
// Verify returns a complete [Principal] or an error that wraps a [*Refusal]; it never returns both. It must be safe for
// concurrent use, must not keep the credential, and must check everything that does not need cryptography
// before anything that does. It may block on ctx only to wait for its turn to compute.
type Verifier interface {
	Verify(ctx context.Context, c Credential, now time.Time) (*Principal, error)
}
