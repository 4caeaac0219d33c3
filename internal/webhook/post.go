package webhook

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// answer is what became of one request.
type answer struct {
	result Result
	after  time.Duration // that the receiver wants to be left alone for
	detail string        // for the operator: the status, or what went wrong
}

// loss says why a batch is not sent again, empty where it is.
func (a answer) loss() Loss {
	switch a.result {
	case Redirected, Denied:
		return Refused
	case Ended:
		return Gone
	}
	return ""
}

// contentType is that of a batch (CloudEvents, JSON Event Format, section 4; HTTP binding, section 3.3).
const contentType = "application/cloudevents-batch+json; charset=utf-8"

// post sends a batch once.
func (h *hook) post(ctx context.Context, s *setting, b *batch) answer {
	inner, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	begin := time.Now()
	h.observer.UnderWay(1)
	a := h.exchange(inner, cancel, s, b)
	h.observer.UnderWay(-1)
	if a.result != Taken && ctx.Err() != nil {
		a.result = Cancelled
	}
	h.observer.Requested(a.result, time.Since(begin))
	return a
}

func (h *hook) exchange(ctx context.Context, cancel context.CancelFunc, s *setting, b *batch) answer {
	body := h.body(b)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return answer{result: Unreachable, detail: short(withoutURL(err).Error())}
	}
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("User-Agent", "portcullis")
	sign(r.Header, s, b.id, time.Now(), body)
	response, err := s.client.Do(r)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return answer{result: TimedOut, detail: "no answer in " + s.timeout.String()}
	case err != nil:
		return answer{result: Unreachable, detail: short(withoutURL(err).Error())}
	}
	// Whatever the answer says is not looked at. It is read as far as a connection is worth, and not for as long as the receiver likes.
	defer time.AfterFunc(answerBy, cancel).Stop()
	_, _ = io.CopyN(io.Discard, response.Body, maxAnswer)
	_ = response.Body.Close()
	return answerOf(response)
}

func answerOf(r *http.Response) answer {
	a := answer{detail: strconv.Itoa(r.StatusCode), after: after(r.Header.Get("Retry-After"), time.Now())}
	switch code := r.StatusCode; {
	case code/100 == 2:
		a.result = Taken
	case code/100 == 3:
		a.result = Redirected
	case code == http.StatusGone:
		a.result = Ended
	case code == http.StatusRequestTimeout, code == http.StatusTooManyRequests:
		a.result = Throttled
	case code/100 == 4:
		a.result = Denied
	default:
		a.result = Failed
	}
	return a
}

// after reads Retry-After (RFC 9110, section 10.2.3). What cannot be read is no wish.
func after(text string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// body is a batch as it is sent. It is the same each time.
func (h *hook) body(b *batch) []byte {
	body := make([]byte, 0, len(b.body)+512)
	body = append(body, '[')
	if b.lost.count > 0 {
		if body = append(body, h.marker(b)...); b.events > 0 {
			body = append(body, ',')
		}
	}
	return append(append(body, b.body...), ']')
}

// sign adds the headers by which a receiver knows that a batch is ours, new and whole (Standard Webhooks, "Signature scheme").
func sign(header http.Header, s *setting, id string, now time.Time, body []byte) {
	at := strconv.FormatInt(now.Unix(), 10)
	signatures := make([]string, len(s.keys))
	for i, key := range s.keys {
		signatures[i] = "v1," + base64.StdEncoding.EncodeToString(key.Sign([]byte(id), []byte("."), []byte(at), []byte("."), body))
	}
	header.Set("Webhook-Id", id)
	header.Set("Webhook-Timestamp", at)
	header.Set("Webhook-Signature", strings.Join(signatures, " "))
}

// withoutURL leaves out of err the URL, whose query is nobody's business.
func withoutURL(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}

// short cuts what an error says: a receiver may have chosen words of it.
func short(s string) string { return s[:min(len(s), 200)] }
