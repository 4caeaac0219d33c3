// Package ticket gives a client that cannot set headers, a browser above all, something short to connect with: a random key that counts once, for half a
// minute, for a whole principal that was verified when the ticket was made.
package ticket

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"time"

	"portcullis/internal/auth"
)

// Lifetime is how long a ticket counts: long enough to connect, too short to be found in a log.
const Lifetime = 30 * time.Second

// Store is the engine's memory, as far as tickets use it. The engine's contract holds: of any number who take a key, exactly one gets it. What bounds it is the
// rate at which a user and a tenant may ask for tickets, that of their messages: each lives for [Lifetime].
type Store interface {
	Put(ctx context.Context, key string, value []byte, ttl time.Duration) error
	Take(ctx context.Context, key string) (value []byte, ok bool, err error)
}

// Origin is the Origin header of a request, or that there was none: a page's ticket is not a program's.
type Origin struct {
	Value   string
	Present bool
}

// Office makes tickets and takes them. It is safe for concurrent use.
type Office struct{ store Store }

// NewOffice returns an office over the engine's memory.
func NewOffice(s Store) *Office { return &Office{s} }

// size of a ticket: 256 bits, which nobody guesses, and their length in base64url.
const (
	size   = 32
	length = 43
)

var encoding = base64.RawURLEncoding.Strict()

// Mint makes a ticket for p, who asked for it from a page of origin. It ends with the credential that it was made for, where that ends sooner.
func (o *Office) Mint(ctx context.Context, p *auth.Principal, origin Origin, now time.Time) (ticket string, expires time.Time, err error) {
	var secret [size]byte
	rand.Read(secret[:])
	ticket = encoding.EncodeToString(secret[:])
	expires = now.Add(Lifetime)
	if p.Expires.Before(expires) {
		expires = p.Expires
	}
	text, err := encode(p, origin, expires)
	if err != nil {
		return "", time.Time{}, err
	}
	if err := o.store.Put(ctx, key(ticket), text, Lifetime); err != nil {
		return "", time.Time{}, auth.Refuse(auth.EngineAway, "the ticket cannot be stored: %w", err)
	}
	return ticket, expires, nil
}

// wellFormed reports whether text has the one form that tickets have. Nothing else is looked up.
func wellFormed(text string) bool {
	if len(text) != length {
		return false
	}
	secret, err := encoding.DecodeString(text) // which skips line breaks: then there are fewer bytes
	return err == nil && len(secret) == size
}

// key is where a ticket is kept: by its hash, so that whoever reads the store can use none.
func key(ticket string) string {
	sum := sha256.Sum256([]byte(ticket))
	return "ticket/" + hex.EncodeToString(sum[:])
}

// Redeem takes a ticket, which then counts no more, whatever becomes of it. It is for whoever comes from where it was made for: the same page, or no page; and
// over the same certificate, where its principal showed one. It returns a principal that nobody else has.
func (o *Office) Redeem(ctx context.Context, ticket string, origin Origin, certificate [sha256.Size]byte, now time.Time) (*auth.Principal, error) {
	if !wellFormed(ticket) {
		return nil, auth.Refuse(auth.TicketUnknown, "it has %d bytes and is no ticket: one is %d characters of base64url", len(ticket), length)
	}
	text, ok, err := o.store.Take(ctx, key(ticket))
	if err != nil {
		return nil, auth.Refuse(auth.EngineAway, "the ticket cannot be looked up: %w", err)
	}
	if !ok {
		return nil, auth.Refuse(auth.TicketUnknown, "there is no such ticket: it was never made, was used before, or is older than %v", Lifetime)
	}
	t, err := decode(text)
	if err != nil {
		return nil, fmt.Errorf("read a stored ticket: %w", err)
	}
	switch {
	case !now.Before(t.expires):
		return nil, auth.Refuse(auth.TicketUnknown, "it ended at %s", t.expires.UTC().Format(time.RFC3339Nano))
	case t.origin != origin:
		return nil, auth.Refuse(auth.TicketStolen, "it was made for origin %.100q (there: %v) and is shown by %.100q (there: %v)",
			t.origin.Value, t.origin.Present, origin.Value, origin.Present)
	case t.principal.Certificate != nil && t.principal.Certificate.Fingerprint != certificate:
		return nil, auth.Refuse(auth.TicketStolen, "it was made over a certificate, and is shown without it")
	}
	t.principal.Method = auth.Ticket
	return t.principal, nil
}
