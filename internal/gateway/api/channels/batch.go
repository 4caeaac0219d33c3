package channels

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"portcullis/internal/gateway/api"
	"portcullis/internal/gateway/door"
	"portcullis/internal/hub"
	"portcullis/internal/limit"
	"portcullis/internal/wire"
)

const (
	// mostMessages is how many messages a request may have, and mostBatch how many bytes all of them; a tenant whose rate would never let them pass has less.
	mostMessages = 100
	mostBatch    = 1 << 20

	batchUsage = `the body is no list such as {"messages":[{"channel":"room:1","data":{"text":"hi"}}]}`
	manyUsage  = "messages has to have 1 to 100 entries; send more in several requests"
)

// result is what became of one of several messages.
type result struct {
	*published
	Problem any   `json:"problem,omitempty"`
	Retry   int64 `json:"retry_ms,omitempty"` // where a retry helps
}

// failed is a result of whatever was wrong with a message.
func failed(err error) result {
	bad, _ := errors.AsType[*api.BadRequest](err) // all that is wrong with a message is one
	return result{Problem: bad.Document(), Retry: bad.Retry.Milliseconds()}
}

// batch says several things, one after the other. The order is kept, and one that fails holds up no other. All are counted before the first is said.
func (c *Channels) batch(w http.ResponseWriter, r *http.Request, who *door.Caller) error {
	if err := unkeyed(r, "give each message an idempotency_key of its own"); err != nil {
		return err
	}
	body, err := c.api.Body(w, r, who, "application/json", batchBytes(who.Tenant.Account.Limits()))
	if err != nil {
		return err
	}
	if err := weighed(who, 0, len(body)); err != nil { // before anybody reads it
		return err
	}
	whole, err := api.Object(body, batchUsage, "messages")
	if err != nil {
		return err
	}
	list, ok := api.Values(whole["messages"], mostMessages)
	if !ok {
		return api.Unreadable(batchUsage)
	}
	if len(list) == 0 || len(list) > mostMessages {
		return api.Unreadable(manyUsage)
	}
	results, err := c.all(r.Context(), who, len(list), func(ctx context.Context, i int) result { return c.item(ctx, who, list[i]) })
	if err != nil {
		return err
	}
	api.Answer(w, http.StatusOK, map[string]any{"results": results})
	return nil
}

// batchBytes is how long a batch may be.
func batchBytes(l limit.Limits) int64 {
	most := mostBatch
	if l.BytesPerSecond != limit.Unlimited {
		most = min(most, 2*l.BytesPerSecond)
	}
	return int64(max(most, l.MessageSize))
}

// all counts messages of which one was counted, and does each.
func (c *Channels) all(ctx context.Context, who *door.Caller, messages int, each func(context.Context, int) result) ([]result, error) {
	if messages > 1 {
		if err := api.Counted(who, messages-1); err != nil {
			return nil, err
		}
	}
	if err := weighed(who, messages, 0); err != nil {
		return nil, err
	}
	results, asked := make([]result, messages), who.Started
	for i := range results {
		if now := time.Now(); now.Sub(asked) > api.AskAgain {
			if err := c.door.Again(who, now); err != nil {
				for ; i < messages; i++ {
					results[i] = failed(api.Failed(&wire.Fault{Code: door.AnswerTo(err).Code, Message: "the credential has ended meanwhile"}))
				}
				break
			}
			asked = now
		}
		results[i] = each(ctx, i)
	}
	return results, nil
}

// item says one thing of several.
func (c *Channels) item(ctx context.Context, who *door.Caller, text []byte) result {
	if err := fits(who, text); err != nil {
		return failed(err)
	}
	members, err := api.Object(text, `an entry is no message such as {"channel":"room:1","data":{"text":"hi"}}`, "channel", "data", "base64", "encryption", "idempotency_key")
	if err != nil {
		return failed(err)
	}
	var channel, key *string
	if json.Unmarshal(members["channel"], &channel) != nil || channel == nil {
		return failed(api.Unreadable("the message names no channel; give it one"))
	}
	if text, there := members["idempotency_key"]; there && (json.Unmarshal(text, &key) != nil || key == nil) {
		return failed(api.Unreadable("idempotency_key is no text; send a text of 1 to 64 bytes, or leave it out"))
	}
	p, err := publication(members)
	if err == nil {
		p, err = keyed(p, key)
	}
	if err != nil {
		return failed(err)
	}
	return c.say(ctx, who, *channel, p)
}

// fits refuses a message of several that is longer than one alone may be.
func fits(who *door.Caller, text []byte) error {
	if most := who.Tenant.Account.Limits().MessageSize; len(text) > most {
		return api.Failed(&wire.Fault{Code: wire.TooLarge, Message: fmt.Sprintf("the message has more than %d bytes", most)})
	}
	return nil
}

// say publishes one of several.
func (c *Channels) say(ctx context.Context, who *door.Caller, channel string, p hub.Publication) result {
	taken, fault := c.hub.Speaker(who.Tenant, who.Principal).Publish(ctx, channel, p)
	if fault != nil {
		return failed(api.Failed(fault))
	}
	return result{published: receipt(channel, taken)}
}
