package mirror_test

import (
	"testing"

	"portcullis/internal/wire"
	"portcullis/internal/wire/mirror"
)

func TestEveryMessageComesBackAsItWent(t *testing.T) {
	codec := mirror.Dialect{}.Open()
	for _, op := range []wire.Opcode{wire.Text, wire.Binary} {
		for _, text := range []string{"", "{", "\x00\xff"} {
			var got []byte
			end := codec.Decode(op, []byte(text), func(r wire.Request, f *wire.Fault) bool {
				if f != nil || r.Verb != wire.Echo || r.Channel != mirror.Channel || r.Size != len(text) {
					t.Errorf("got %+v, %v", r, f)
				}
				got, _ = codec.AppendReply(nil, &wire.Reply{Verb: r.Verb, Data: r.Data, Opcode: r.Opcode})
				return true
			})
			if want := wire.AppendFrame(nil, op, []byte(text)); string(got) != string(want) || end != (wire.Close{}) {
				t.Errorf("opcode %d, %q: got %x, want %x", op, text, got, want)
			}
		}
	}
}

func TestAMirrorHasNoWordForAFault(t *testing.T) {
	got, told := mirror.Dialect{}.Open().AppendReply(nil, &wire.Reply{Fault: &wire.Fault{Code: wire.RateLimited}})
	if told || len(got) != 0 {
		t.Errorf("got %x, %v; want nothing", got, told)
	}
}
