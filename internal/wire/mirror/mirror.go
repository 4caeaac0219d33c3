// Package mirror is the subprotocol portcullis.echo.v1: every message comes back as it went, text or binary. It is the probe for
// balancers, and the way in for WebSocket conformance suites.
package mirror

import (
	"portcullis/internal/message"
	"portcullis/internal/wire"
)

// Channel is where a user must be allowed to echo.
const Channel = "echo"

// Dialect is portcullis.echo.v1. It has no words but the message itself: no welcome, and no way to tell a fault but the end.
type Dialect struct{}

type codec struct{}

// Subprotocol implements [wire.Dialect].
func (Dialect) Subprotocol() string { return "portcullis.echo.v1" }

// Entry implements [wire.Dialect].
func (Dialect) Entry() string { return Channel }

// PingsClients implements [wire.Dialect].
func (Dialect) PingsClients() bool { return true }

// Open implements [wire.Dialect].
func (Dialect) Open() wire.Codec { return codec{} }

// AppendMessage appends nothing: a mirror subscribes to no channel.
func (Dialect) AppendMessage(dst []byte, _ *message.Message) []byte { return dst }

// AppendNotice appends nothing: a mirror has no words of its own.
func (Dialect) AppendNotice(dst []byte, _ *wire.Notice) []byte { return dst }

// Decode implements [wire.Codec].
func (codec) Decode(op wire.Opcode, payload []byte, serve func(wire.Request, *wire.Fault) bool) wire.Close {
	serve(wire.Request{Verb: wire.Echo, Size: len(payload), Channel: Channel, Data: payload, Opcode: op}, nil)
	return wire.Close{}
}

// AppendWelcome implements [wire.Codec].
func (codec) AppendWelcome(dst []byte, _ *wire.Welcome) []byte { return dst }

// AppendReply implements [wire.Codec].
func (codec) AppendReply(dst []byte, r *wire.Reply) ([]byte, bool) {
	if r.Fault != nil {
		return dst, false
	}
	return wire.AppendFrame(dst, r.Opcode, r.Data), true
}

var _ wire.Dialect = Dialect{}
