package wire

import "portcullis/internal/message"

// Dialect is one language that clients speak over a WebSocket, chosen by its subprotocol.
//
// A dialect is safe for concurrent use. It owns no goroutine, no timer, no rule and no limit. Everything that it appends is
// whole WebSocket frames, header included: the bytes that go onto the wire.
type Dialect interface {
	// Subprotocol is the name in Sec-WebSocket-Protocol (RFC 6455, section 1.9).
	Subprotocol() string
	// Entry names a channel on which a client must be allowed to echo before it is let in, or "".
	Entry() string
	// PingsClients says who keeps the connection alive: the gateway, by ping frames, when true.
	PingsClients() bool
	// Open returns the codec of one new connection. It may be one that all connections share.
	Open() Codec
	// AppendMessage encodes a delivery. It runs once for each message and dialect, whatever the number of subscribers.
	AppendMessage(dst []byte, m *message.Message) []byte
	// AppendNotice encodes what the gateway says by itself, nothing where the dialect has no such word.
	AppendNotice(dst []byte, n *Notice) []byte
}

// Codec turns one connection's messages into requests, and answers into frames. It may hold state. It is used by one
// goroutine at a time.
type Codec interface {
	// Decode calls serve for each request in one data message, in order, and stops early when serve returns false. A request that cannot be
	// read is served with its fault and as much of it as was understood. The returned Close, when not zero, ends the connection
	// for a message that the dialect cannot carry at all.
	Decode(op Opcode, payload []byte, serve func(Request, *Fault) bool) Close
	// AppendWelcome appends what the server says first, nothing where the dialect has no such word.
	AppendWelcome(dst []byte, w *Welcome) []byte
	// AppendReply appends the answer to one request. It reports false, and appends nothing, when the dialect has no word for a
	// fault: the connection must then end.
	AppendReply(dst []byte, r *Reply) ([]byte, bool)
}
