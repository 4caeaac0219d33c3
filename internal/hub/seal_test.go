package hub_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"portcullis/internal/broker"
	"portcullis/internal/channel"
	"portcullis/internal/hub"
	"portcullis/internal/limit"
	"portcullis/internal/message"
	"portcullis/internal/wire"
)

// envelopeFor is an envelope for a channel, as JSON text.
func envelopeFor(tenantName, name string) []byte {
	header := fmt.Sprintf(`{"alg":"dir","enc":"A256GCM","kid":"%s","tenant":%q,"channel":%q,"cty":"JWS"}`, strings.Repeat("A", 43), tenantName, name)
	return fmt.Appendf(nil, `"%s..AAAAAAAAAAAAAAAA.c2VjcmV0.AAAAAAAAAAAAAAAAAAAAAA"`, base64.RawURLEncoding.EncodeToString([]byte(header)))
}

// listening is an engine of which it is known what was given to it.
type listening struct {
	broker.Broker
	taken *[]message.Message
}

func (l listening) Publish(ctx context.Context, m message.Message, k broker.Keep) (broker.Receipt, error) {
	*l.taken = append(*l.taken, m)
	return l.Broker.Publish(ctx, m, k)
}

// sealing is a hub one of whose channels takes only what is sealed, and what its engine was given.
func sealing(t *testing.T) (*house, *[]message.Message) {
	taken := new([]message.Message)
	h := openOver(t, limit.Limits{}, func(b broker.Broker) broker.Broker { return listening{b, taken} })
	pattern, err := channel.ParsePattern("*:sealed")
	if err != nil {
		t.Fatal(err)
	}
	quiet, _ := channel.ParsePattern("room:quiet")
	for _, one := range h.tenants {
		one.Channels = channel.NewSettings([]channel.Matched{{Pattern: pattern, Setting: channel.Setting{Sealed: true}}, {Pattern: quiet, Setting: channel.Setting{Sealed: true}}})
	}
	return h, taken
}

func TestPlaintextOnAnEncryptedChannel(t *testing.T) {
	h, taken := sealing(t)
	ana := h.enter(t, "acme", "ana", &ear{})
	proper, secret := envelopeFor("acme", "room:sealed"), []byte(`"c2VjcmV0 in the clear"`)
	tests := []struct {
		name, channel string
		publication   hub.Publication
		want          wire.Code
		says          string
	}{
		{"sealed", "room:sealed", hub.Publication{Data: proper, Sealed: true}, "", ""},
		{"plaintext", "room:sealed", hub.Publication{Data: secret}, wire.EncryptionRequired, "encryption is missing"},
		{"plaintext that says it is sealed", "room:sealed", hub.Publication{Data: secret, Sealed: true}, wire.EncryptionRequired, "five parts"},
		{"sealed, and does not say so", "room:sealed", hub.Publication{Data: proper}, wire.EncryptionRequired, "encryption is missing"},
		{"bytes", "room:sealed", hub.Publication{Data: proper, Binary: true}, wire.EncryptionRequired, "base64"},
		{"bytes that say they are sealed", "room:sealed", hub.Publication{Data: proper, Binary: true, Sealed: true}, wire.EncryptionRequired, "base64"},
		{"of another tenant", "room:sealed", hub.Publication{Data: envelopeFor("globex", "room:sealed"), Sealed: true}, wire.EncryptionRequired, "tenant"},
		{"of another channel", "room:sealed", hub.Publication{Data: envelopeFor("acme", "room:1"), Sealed: true}, wire.EncryptionRequired, "channel"},
		{"plaintext elsewhere", "room:1", hub.Publication{Data: secret}, "", ""},
		{"bytes elsewhere", "room:1", hub.Publication{Data: secret, Binary: true}, "", ""},
		{"sealed elsewhere", "room:1", hub.Publication{Data: envelopeFor("acme", "room:1"), Sealed: true}, "", ""},
		{"of another channel elsewhere", "room:1", hub.Publication{Data: proper, Sealed: true}, wire.BadRequest, "leave encryption out"},
		{"bytes that say they are sealed elsewhere", "room:1", hub.Publication{Data: proper, Binary: true, Sealed: true}, wire.BadRequest, "base64"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			*taken = nil
			_, published := ana.Publish(t.Context(), tt.channel, tt.publication)
			for verb, fault := range map[string]*wire.Fault{"publish": published, "echo": ana.Echo(tt.channel, tt.publication)} {
				if tt.want == "" {
					must(t, fault)
				} else if fault == nil || fault.Code != tt.want || !strings.Contains(fault.Message, tt.says) || strings.Contains(fault.Message, "c2VjcmV0") {
					t.Errorf("%s: got %v, want %s that says %q and repeats no payload", verb, fault, tt.want, tt.says)
				}
			}
			if tt.want != "" && len(*taken) > 0 {
				t.Errorf("the engine has %d messages of what was refused", len(*taken))
			}
			if tt.want == "" && (len(*taken) != 1 || (*taken)[0].Sealed != tt.publication.Sealed || string((*taken)[0].Data) != string(tt.publication.Data)) {
				t.Errorf("the engine has %+v, want the publication with its seal", *taken)
			}
		})
	}
}

// Whoever may not use a channel reads the same of it whether it asks for encryption or not, and whatever they send.
func TestNobodyLearnsTheSettingOfAChannelThatTheyMayNotUse(t *testing.T) {
	h, _ := sealing(t)
	eve := h.enter(t, "acme", "eve", &ear{})
	for _, p := range []hub.Publication{{Data: []byte("1")}, {Data: []byte(`"x"`), Sealed: true}, {Data: []byte("x"), Binary: true}, {Data: envelopeFor("acme", "ops:sealed"), Sealed: true}} {
		for _, name := range []string{"ops:sealed", "ops:open", "room:quiet"} {
			_, fault := eve.Publish(t.Context(), name, p)
			if want := "publish on " + name + " is not allowed"; fault == nil || fault.Code != wire.Forbidden || fault.Message != want {
				t.Errorf("publish on %s: got %v, want forbidden: %s", name, fault, want)
			}
		}
		for _, name := range []string{"ops:sealed", "ops:open"} {
			if fault := eve.Echo(name, p); fault == nil || fault.Code != wire.Forbidden {
				t.Errorf("echo on %s: got %v, want forbidden", name, fault)
			}
		}
	}
}
