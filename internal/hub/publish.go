package hub

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"time"

	"portcullis/internal/acl"
	"portcullis/internal/broker"
	"portcullis/internal/channel"
	"portcullis/internal/message"
	"portcullis/internal/wire"
)

// Publication is what a member says.
type Publication struct {
	Data   []byte // a JSON text, or any bytes where it is Binary
	Binary bool
	Sealed bool // it says that Data is end-to-end encrypted
	// Key makes a repetition harmless: the publication is one with an earlier one of the same user on the same channel. Empty for none.
	Key string
}

// Publish sends a publication to everyone who hears the channel, and returns once the engine has it, with the position that it has where the channel keeps
// history. It copies Data. Whoever had to wait is asked again: their right may have ended meanwhile.
func (m *Member) Publish(ctx context.Context, name string, p Publication) (broker.Receipt, *wire.Fault) {
	r, ref, fault := m.allowed(acl.Publish, name)
	if fault != nil {
		return broker.Receipt{}, fault
	}
	waited, err := m.waitForRoom(ctx, ref)
	if err != nil {
		return broker.Receipt{}, &wire.Fault{Code: wire.Unavailable, Message: "the gateway is too busy on this channel", Retry: time.Second}
	}
	if waited {
		if r, ref, fault = m.allowed(acl.Publish, name); fault != nil {
			return broker.Receipt{}, fault
		}
	}
	setting := r.tenant.Channels.Of(ref.Name)
	if p.Sealed || setting.Sealed { // most are neither
		if fault = sealed(p, setting, ref); fault != nil {
			return broker.Receipt{}, fault
		}
	}
	keep := r.keep(setting)
	if p.Key != "" {
		if keep.Messages == 0 {
			return broker.Receipt{}, &wire.Fault{Code: wire.NotAvailable, Message: "idempotency_key is not available on " + ref.Name.String() + ": the channel keeps no history; publish without it"}
		}
		keep.ID = idOf(ref, r.principal.User, p.Key)
	}
	told := message.Message{
		Channel: ref,
		From:    message.Sender{User: r.principal.User, Connection: m.connection},
		Time:    time.Now(),
		Data:    bytes.Clone(p.Data),
		Binary:  p.Binary,
		Sealed:  p.Sealed,
	}
	receipt, err := m.hub.broker.Publish(ctx, told, keep)
	switch {
	case errors.Is(err, broker.ErrConflict):
		return broker.Receipt{}, &wire.Fault{Code: wire.Conflict, Message: "this idempotency_key was used for another message; take another key for each message"}
	case errors.Is(err, broker.ErrFull):
		return broker.Receipt{}, &wire.Fault{Code: wire.QuotaExceeded, Message: "history is reached by the idempotency keys of five minutes: publish without one, or less often, or ask the operator for more", Retry: time.Second}
	case err != nil:
		return broker.Receipt{}, &wire.Fault{Code: wire.Unavailable, Message: "the engine did not take the message", Retry: time.Second}
	}
	if !receipt.Duplicate {
		told.Position = receipt.Position
		m.follower().Published(told)
	}
	return receipt, nil
}

// keep is what the engine stores of a channel.
func (r rights) keep(s *channel.Setting) broker.Keep {
	if !s.History.Kept() {
		return broker.Keep{}
	}
	return broker.Keep{Messages: s.History.Messages, Age: s.History.Age, Total: r.tenant.Account.Limits().History}
}

// idOf names a publication by whose it is. Each part has its length before it, so that no two that differ are written alike.
func idOf(ref channel.Ref, user, key string) (id broker.ID) {
	var text []byte
	for _, part := range [...]string{ref.Tenant.String(), ref.Name.String(), user, key} {
		text = binary.AppendUvarint(text, uint64(len(part)))
		text = append(text, part...)
	}
	sum := sha256.Sum256(text)
	copy(id[:], sum[:])
	return id
}

// staleMost is how long whoever has no connection, by which a change of its rights would come, may wait with those that it has.
const staleMost = 500 * time.Millisecond

// waitForRoom is the hub's, for the member.
func (m *Member) waitForRoom(ctx context.Context, ref channel.Ref) (waited bool, err error) {
	if m.connection == "" {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, staleMost)
		defer cancel()
	}
	return m.hub.waitForRoom(ctx, ref)
}

// waitForRoom lets a publisher wait while the channel has more to say on this node than it may hold.
func (h *Hub) waitForRoom(ctx context.Context, ref channel.Ref) (waited bool, err error) {
	r := h.shard(ref).find(ref)
	if r == nil {
		return false, nil
	}
	for wait := r.full(); wait != nil; wait = r.full() {
		waited = true
		select {
		case <-wait:
		case <-ctx.Done():
			return true, ctx.Err()
		}
	}
	return waited, nil
}
