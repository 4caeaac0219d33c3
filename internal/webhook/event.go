package webhook

import (
	"encoding/base64"
	"encoding/json"
	"time"
)

// event is something that happened, before it is encoded.
type event struct {
	subject string // what it is about: a connection's id, or a channel
	at      time.Time
	data    any
	payload *payload // for hooks that want it; nil where there is none
}

// payload is what was published: a JSON text, or any bytes.
type payload struct {
	text   []byte
	binary bool
}

// append adds the payload as a member, named as on the wire.
func (p payload) append(dst []byte) []byte {
	if !p.binary {
		return append(append(dst, `,"data":`...), p.text...)
	}
	return append(base64.StdEncoding.AppendEncode(append(dst, `,"base64":"`...), p.text), '"')
}

// The data of the events, named as on the wire.
type (
	opened struct {
		Connection string `json:"connection"`
		User       string `json:"user"`
		Method     string `json:"method"`
		Protocol   string `json:"protocol"`
	}
	closed struct {
		Connection string `json:"connection"`
		User       string `json:"user"`
		Initiator  string `json:"initiator"`
		Reason     string `json:"reason"`
		Code       int    `json:"code,omitempty"`
		Duration   int64  `json:"duration_ms"`
	}
	subscription struct {
		Channel    string `json:"channel"`
		Connection string `json:"connection"`
		User       string `json:"user"`
		Reason     string `json:"reason,omitempty"`
	}
	presence struct {
		Channel string `json:"channel"`
	}
	published struct {
		Channel string `json:"channel"`
		From    sender `json:"from"`
		Offset  uint64 `json:"offset,omitempty"`
		Epoch   string `json:"epoch,omitempty"`
		Bytes   int    `json:"bytes"`

		Encryption string `json:"encryption,omitempty"`
	}
	sender struct {
		User       string `json:"user"`
		Connection string `json:"connection,omitempty"`
	}
	lost struct {
		Count uint64 `json:"count"`
		From  string `json:"from"`
		To    string `json:"to"`
	}
)

// typePrefix stands before a kind in the type of an event.
const typePrefix = "portcullis."

// origin is where the events of one tenant come from.
type origin struct{ node, tenant string }

// head is what all events of one kind and origin begin with, behind their id: the attributes of a CloudEvent (1.0, section "Context Attributes"); tenant and node are extensions.
func (o origin) head(kind Kind) []byte {
	text, _ := json.Marshal(struct {
		SpecVersion string `json:"specversion"`
		Source      string `json:"source"`
		Type        string `json:"type"`
		Tenant      string `json:"tenant"`
		Node        string `json:"node"`
		ContentType string `json:"datacontenttype"`
	}{"1.0", "/nodes/" + o.node + "/tenants/" + o.tenant, typePrefix + string(kind), o.tenant, o.node, "application/json"})
	return text[1 : len(text)-1]
}

// encode returns an event behind its id: what follows `{"id":"...",`. The payload is added as it was written.
func encode(head []byte, subject string, at time.Time, data any, p *payload) []byte {
	body, _ := json.Marshal(data) // of the structs above, which cannot fail
	text := make([]byte, 0, len(head)+len(subject)+len(body)+80)
	text = append(text, head...)
	if subject != "" {
		quoted, _ := json.Marshal(subject)
		text = append(append(text, `,"subject":`...), quoted...)
	}
	text = append(append(append(text, `,"time":"`...), stamp(at)...), `","data":`...)
	if p == nil {
		return append(append(text, body...), '}')
	}
	return append(p.append(append(text, body[:len(body)-1]...)), "}}"...)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z07:00") }
