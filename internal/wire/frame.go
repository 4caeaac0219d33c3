package wire

import "encoding/binary"

// Opcode is the kind of a WebSocket data message (RFC 6455, section 5.2).
type Opcode byte

// The opcodes of data messages.
const (
	Text   Opcode = 0x1
	Binary Opcode = 0x2
)

// MaxHeader is the longest header of a server's frame, which is never masked (RFC 6455, section 5.1).
const MaxHeader = 10

// AppendFrame appends one whole, final, unmasked frame.
func AppendFrame(dst []byte, op Opcode, payload []byte) []byte {
	return append(AppendHeader(dst, op, len(payload)), payload...)
}

// AppendHeader appends the header of one final, unmasked frame whose payload has size bytes.
func AppendHeader(dst []byte, op Opcode, size int) []byte {
	dst = append(dst, 0x80|byte(op))
	switch {
	case size < 126:
		return append(dst, byte(size))
	case size < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, 126), uint16(size))
	default:
		return binary.BigEndian.AppendUint64(append(dst, 127), uint64(size))
	}
}

// BeginFrame leaves room for a header; what is appended next is the payload, until EndFrame. A payload's size is
// not known before it is encoded, and most headers have four bytes at most.
func BeginFrame(dst []byte) (frame []byte, payload int) {
	dst = append(dst, 0, 0, 0, 0)
	return dst, len(dst)
}

// EndFrame puts the header in front of the payload that begins at payload.
func EndFrame(dst []byte, payload int, op Opcode) []byte {
	start, size := payload-4, len(dst)-payload
	var room [MaxHeader]byte
	header := AppendHeader(room[:0], op, size)
	if grow := len(header) - 4; grow > 0 {
		dst = append(dst, room[:grow]...)
	}
	copy(dst[start+len(header):], dst[payload:payload+size])
	copy(dst[start:], header)
	return dst[:start+len(header)+size]
}
