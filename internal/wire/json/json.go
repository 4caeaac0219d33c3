// Package json spells the wire as JSON text, one object a request: subprotocol portcullis.v1.json, which a person can type by hand.
package json

import "portcullis/internal/wire"

// Dialect is portcullis.v1.json. It has no state: all its connections share one codec.
type Dialect struct{}

type codec struct{}

// Subprotocol implements [wire.Dialect].
func (Dialect) Subprotocol() string { return "portcullis.v1.json" }

// Entry implements [wire.Dialect]: everybody whose credential is believed may speak.
func (Dialect) Entry() string { return "" }

// PingsClients implements [wire.Dialect].
func (Dialect) PingsClients() bool { return true }

// Open implements [wire.Dialect].
func (Dialect) Open() wire.Codec { return codec{} }

var _ wire.Dialect = Dialect{}
