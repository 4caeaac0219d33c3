package hub

import (
	"portcullis/internal/channel"
	"portcullis/internal/envelope"
	"portcullis/internal/wire"
)

// sealed says what is wrong with the seal of a publication, on a channel that asks for one or where it says that it has one. It is asked behind the
// rights: whoever may not publish learns nothing of the channel's setting.
func sealed(p Publication, s *channel.Setting, at channel.Ref) *wire.Fault {
	var flaw envelope.Flaw
	switch {
	case p.Binary:
		flaw = envelope.Bytes
	case !p.Sealed:
		flaw = envelope.Plain
	default:
		flaw = envelope.Check(p.Data, at)
	}
	switch {
	case flaw == "":
		return nil
	case s.Sealed:
		return &wire.Fault{Code: wire.EncryptionRequired, Message: at.Name.String() + " takes only what is end-to-end encrypted: " + string(flaw)}
	}
	return &wire.Fault{Code: wire.BadRequest, Message: `"encryption":"jwe" is beside what is no such message for ` + at.Name.String() + ": " + string(flaw) + "; or leave encryption out"}
}
