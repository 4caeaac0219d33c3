// Package e2ee encrypts what is said on a channel from one member to the others, so that the gateway relays it and cannot read it.
//
// # Who is who
//
// A member has an [Identity], two key pairs that stay with it. The team's backend, or its identity service, vouches for their public part
// with an assertion: a signed JWT that says whose keys they are. [Issuer.Verify] reads it with the issuer's own keys, which never come through the gateway, and
// returns a [Member].
//
// # A room
//
// A [Room] is one channel as one user sees it. It knows the members that were added, and takes channel keys from the distributors that it was told of:
//
//	room, err := e2ee.NewRoom(e2ee.RoomOptions{
//		Tenant: "acme", Channel: "room:1", User: "ben", Identity: identity, Distributors: []string{"ana"},
//	})
//	for _, assertion := range assertions { // from the backend
//		member, err := issuer.Verify(ctx, assertion)
//		err = room.Add(member)
//	}
//	err = room.Accept(grant)            // the newest channel key
//	text, err := room.Seal([]byte("hi")) // to publish, with "encryption":"jwe" beside it
//	said, err := room.Open(e2ee.Message{Data: m.Data, Encryption: m.Encryption, User: m.From.User})
//
// A distributor makes channel keys: [Room.Generate] returns a grant, a signed text with the key wrapped for each member. It reaches them however
// the application likes. [Room.Remove] makes a key that a user does not get any more. A key seals for 24 hours, or 2^28 messages. [Room.History] reads what a channel keeps.
//
// # What is refused
//
// Every refusal is an [*Error] with a [Reason] of a closed set. A message is opened once, if it is for this tenant and this channel, under a channel key
// that counts now, from the user that the gateway names, and signed by a key of this user that is on the key's list.
//
// # The algorithms
//
// There is one suite and nothing to negotiate. A message is a JWE (RFC 7516) with direct encryption and AES-256-GCM (RFC 7518, sections 4.5 and 5.3) around a
// JWS (RFC 7515) with Ed25519 (RFC 8037). Channel keys are wrapped with HPKE (RFC 9180): X25519, HKDF-SHA256, AES-256-GCM. docs/encryption.md has the
// format, and what it does not hide.
package e2ee
