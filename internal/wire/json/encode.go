package json

import (
	"encoding/base64"
	"strconv"
	"time"

	"portcullis/internal/message"
	"portcullis/internal/wire"
)

// encryption follows data that is sealed.
const encryption = `,"encryption":"` + Encryption + `"`

// AppendMessage implements [wire.Dialect].
func (Dialect) AppendMessage(dst []byte, m *message.Message) []byte {
	dst, payload := wire.BeginFrame(dst)
	dst = append(dst, `{"type":"message","channel":"`...)
	dst = append(dst, m.Channel.Name.String()...) // no character of a name needs escaping
	dst = append(dst, `",`...)
	dst = append(appendBody(dst, m), '}')
	return wire.EndFrame(dst, payload, wire.Text)
}

// appendBody appends what a message says: the members that it has in a frame of its own, and in a page of history.
func appendBody(dst []byte, m *message.Message) []byte {
	if m.Position.Offset != 0 {
		dst = appendInt(dst, `"offset":`, int64(m.Position.Offset))
		dst = append(appendInt(dst, `,"previous":`, int64(m.Previous)), ',')
	}
	dst = appendInt(dst, `"time":`, m.Time.UnixMilli())
	dst = append(dst, `,"from":{"user":`...)
	dst = appendText(dst, m.From.User)
	if m.From.Connection != "" {
		dst = append(dst, `,"connection":`...)
		dst = appendText(dst, m.From.Connection)
	}
	if m.Binary {
		dst = base64.StdEncoding.AppendEncode(append(dst, `},"base64":"`...), m.Data)
		return append(dst, '"')
	}
	dst = append(append(dst, `},"data":`...), m.Data...)
	if m.Sealed {
		dst = append(dst, encryption...)
	}
	return dst
}

// AppendNotice implements [wire.Dialect].
func (Dialect) AppendNotice(dst []byte, n *wire.Notice) []byte {
	dst, payload := wire.BeginFrame(dst)
	dst = append(append(append(dst, `{"type":"`...), n.Kind...), '"')
	if n.Kind == wire.Expiring {
		dst = appendInt(dst, `,"in_ms":`, n.In.Milliseconds())
	}
	if n.Channel != "" {
		dst = appendText(append(dst, `,"channel":`...), n.Channel)
	}
	switch n.Kind {
	case wire.Join, wire.Leave:
		dst = appendMember(append(dst, `,"member":`...), n.Member)
	case wire.JoinLeave:
		dst = strconv.AppendBool(append(dst, `,"told":`...), n.Told)
		if n.Count > 0 {
			dst = appendInt(dst, `,"count":`, int64(n.Count))
		}
	}
	if n.Fault != nil {
		dst = appendFault(dst, n.Fault)
	}
	if n.Gap != nil {
		dst = appendGap(dst, n.Gap)
	}
	dst = appendPosition(dst, n.Position)
	return wire.EndFrame(append(dst, '}'), payload, wire.Text)
}

// appendMember appends one member of a channel. Info is JSON already.
func appendMember(dst []byte, m *message.Member) []byte {
	dst = appendText(append(dst, `{"user":`...), m.User)
	dst = appendText(append(dst, `,"connection":`...), m.Connection)
	if m.Info != "" {
		dst = append(append(dst, `,"info":`...), m.Info...)
	}
	return append(dst, '}')
}

// appendPresence appends who is on a channel, or how many where they are not listed.
func appendPresence(dst []byte, p *wire.Attendance) []byte {
	dst = appendInt(dst, `,"count":`, int64(p.Count))
	if p.Members == nil {
		return dst
	}
	dst = append(dst, `,"members":[`...)
	for i := range p.Members {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendMember(dst, &p.Members[i])
	}
	return append(dst, ']')
}

// AppendWelcome implements [wire.Codec]. A limit that does not exist is left out.
func (codec) AppendWelcome(dst []byte, w *wire.Welcome) []byte {
	dst, payload := wire.BeginFrame(dst)
	dst = append(dst, `{"type":"welcome"`...)
	for _, f := range [...]struct{ name, value string }{
		{"connection", w.Connection}, {"tenant", w.Tenant}, {"user", w.User}, {"segment", w.Segment}, {"node", w.Node},
	} {
		if f.value != "" {
			dst = append(append(append(dst, `,"`...), f.name...), `":`...)
			dst = appendText(dst, f.value)
		}
	}
	dst = appendInt(dst, `,"expires":`, w.Expires.UnixMilli())
	dst = appendInt(dst, `,"ping_ms":`, w.Ping.Milliseconds())
	dst = append(dst, `,"limits":{`...)
	comma := ""
	for _, l := range [...]struct {
		name  string
		value int
	}{
		{"message_size", w.Limits.MessageSize},
		{"subscriptions_per_connection", w.Limits.SubscriptionsPerConnection},
		{"messages_per_second_per_connection", w.Limits.MessagesPerSecondPerConnection},
		{"bytes_per_second_per_connection", w.Limits.BytesPerSecondPerConnection},
	} {
		if l.value != 0 {
			dst = appendInt(dst, comma+`"`+l.name+`":`, int64(l.value))
			comma = ","
		}
	}
	dst = appendSubscriptions(append(dst, '}'), w.Subscriptions)
	return wire.EndFrame(append(dst, '}'), payload, wire.Text)
}

// appendSubscriptions appends those that others chose for a client, nothing where there are none.
func appendSubscriptions(dst []byte, all []wire.Subscription) []byte {
	if len(all) == 0 {
		return dst
	}
	before := `,"subscriptions":[`
	for _, s := range all {
		dst = appendText(append(append(dst, before...), `{"channel":`...), s.Channel)
		dst = append(appendPosition(dst, s.Position), '}')
		before = ","
	}
	return append(dst, ']')
}

// AppendReply implements [wire.Codec]. An ok without an id is not asked for and not sent.
func (codec) AppendReply(dst []byte, r *wire.Reply) ([]byte, bool) {
	if r.Fault == nil && r.ID == 0 {
		return dst, true
	}
	dst, payload := wire.BeginFrame(dst)
	if r.Fault != nil {
		dst = append(dst, `{"type":"error"`...)
	} else {
		dst = append(dst, `{"type":"ok"`...)
	}
	if r.ID != 0 {
		dst = appendInt(dst, `,"id":`, r.ID)
	}
	if r.Channel != "" {
		dst = append(dst, `,"channel":`...)
		dst = appendText(dst, cut(r.Channel, 255)) // the longest name that there is
	}
	if r.Fault != nil {
		dst = appendFault(dst, r.Fault)
	} else {
		dst = appendOK(dst, r)
	}
	dst = append(dst, '}')
	return wire.EndFrame(dst, payload, wire.Text), true
}

func appendFault(dst []byte, f *wire.Fault) []byte {
	dst = append(dst, `,"code":`...)
	dst = appendText(dst, string(f.Code))
	dst = append(dst, `,"message":`...)
	dst = appendText(dst, f.Message)
	if f.Retry > 0 {
		// Rounded up: a client that comes back a fraction early is refused again.
		dst = appendInt(dst, `,"retry_ms":`, int64((f.Retry+time.Millisecond-1)/time.Millisecond))
	}
	return dst
}

func appendOK(dst []byte, r *wire.Reply) []byte {
	switch r.Verb {
	case wire.Echo:
		dst = append(append(dst, `,"data":`...), r.Data...)
		if r.Sealed {
			dst = append(dst, encryption...)
		}
	case wire.Ping:
		dst = appendInt(dst, `,"time":`, r.Time.UnixMilli())
	case wire.Refresh:
		dst = appendInt(dst, `,"expires":`, r.Expires.UnixMilli())
	case wire.Presence:
		dst = appendPresence(dst, r.Presence)
	}
	dst = appendPosition(dst, r.Position)
	if r.Duplicate {
		dst = append(dst, `,"duplicate":true`...)
	}
	if r.Recovery != nil {
		dst = appendRecovery(dst, r.Verb, r.Recovery)
	}
	if r.Page != nil {
		dst = appendPage(dst, r.Page)
	}
	return dst
}

func appendRecovery(dst []byte, v wire.Verb, r *wire.Recovery) []byte {
	dst = strconv.AppendBool(append(dst, `,"recovered":`...), r.Recovered)
	if r.Recovered && v == wire.Subscribe {
		dst = appendInt(dst, `,"replayed":`, int64(r.Replayed))
	}
	if r.Reason != "" {
		dst = appendText(append(dst, `,"reason":`...), string(r.Reason))
	}
	return dst
}

func appendPage(dst []byte, p *wire.Page) []byte {
	dst = append(dst, `,"messages":[`...)
	for i := range p.Messages {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendBody(append(dst, '{'), &p.Messages[i]), '}')
	}
	return strconv.AppendBool(append(dst, `],"more":`...), p.More)
}

// appendGap appends the ends that are known.
func appendGap(dst []byte, g *wire.Gap) []byte {
	if g.After != 0 {
		dst = strconv.AppendUint(append(dst, `,"after":`...), g.After, 10)
	}
	if g.Before != 0 {
		dst = strconv.AppendUint(append(dst, `,"before":`...), g.Before, 10)
	}
	if g.Epoch != "" {
		dst = appendText(append(dst, `,"epoch":`...), g.Epoch)
	}
	return appendText(append(dst, `,"reason":`...), string(g.Reason))
}

// appendPosition appends a place in a channel's order, nothing for none.
func appendPosition(dst []byte, p message.Position) []byte {
	if p == (message.Position{}) {
		return dst
	}
	dst = strconv.AppendUint(append(dst, `,"offset":`...), p.Offset, 10)
	return appendText(append(dst, `,"epoch":`...), p.Epoch)
}

func appendInt(dst []byte, key string, n int64) []byte {
	return strconv.AppendInt(append(dst, key...), n, 10)
}

// appendText appends s as a JSON string. What is not UTF-8 in it becomes U+FFFD.
func appendText(dst []byte, s string) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r < 0x20 || r == 0x7f:
			dst = append(dst, '\\', 'u', '0', '0', digits[r>>4], digits[r&0xf])
		default:
			dst = append(dst, string(r)...)
		}
	}
	return append(dst, '"')
}
