package webhook

import (
	"encoding/json"
	"time"
)

// event is something that happened, before it is encoded.
type event struct {
	kind    Kind
	subject string // what it is about: a connection's id, or a channel
	at      time.Time
	data    any
	payload []byte // a JSON text, for hooks that want it
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

// envelope is a CloudEvent (1.0, section "Context Attributes") without its id, which the queue gives; tenant and node are extensions.
type envelope struct {
	SpecVersion string          `json:"specversion"`
	Source      string          `json:"source"`
	Type        string          `json:"type"`
	Subject     string          `json:"subject,omitempty"`
	Time        string          `json:"time"`
	Tenant      string          `json:"tenant"`
	Node        string          `json:"node"`
	ContentType string          `json:"datacontenttype"`
	Data        json.RawMessage `json:"data"`
}

// typePrefix stands before a kind in the type of an event.
const typePrefix = "portcullis."

// origin is where the events of one tenant come from.
type origin struct{ node, tenant string }

// encode returns an event behind its id: what follows `{"id":"...",`. The payload is added as it was written.
func (o origin) encode(kind Kind, subject string, at time.Time, data any, payload []byte) []byte {
	body, _ := json.Marshal(data) // of the structs above, which cannot fail
	if payload != nil {
		body = append(append(append(body[:len(body)-1], `,"data":`...), payload...), '}')
	}
	text, _ := json.Marshal(envelope{
		SpecVersion: "1.0", Source: "/nodes/" + o.node + "/tenants/" + o.tenant, Type: typePrefix + string(kind), Subject: subject, Time: stamp(at),
		Tenant: o.tenant, Node: o.node, ContentType: "application/json", Data: []byte("0"),
	})
	text = append(text[1:len(text)-len("0}")], body...)
	return append(text, '}')
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z07:00") }
