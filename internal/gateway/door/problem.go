package door

import (
	"context"
	"crypto/rand"
	"net/http"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/problem"
	"portcullis/internal/wire"
)

// Attempt is somebody who came and was answered.
type Attempt struct {
	*Caller
	Reason   auth.Reason // [Accepted], or one of [Answers]
	Fault    Fault
	Err      error  // for the operator; nil when accepted
	Instance string // what the client was told to quote; empty when accepted
	Took     time.Duration
	// Spent says that this failed attempt was the last that its address has for a while.
	Spent bool
}

// Observers hear one after the other.
type Observers []Observer

// Answered implements [Observer].
func (o Observers) Answered(a *Attempt) {
	for _, each := range o {
		each.Answered(a)
	}
}

// Accept records a caller who got what it came for.
func (d *Door) Accept(c *Caller) {
	d.config.Observer.Answered(&Attempt{Caller: c, Reason: Accepted, Fault: NoFault, Took: time.Since(c.Started)})
}

// Deny records a caller to whom somebody else says no, in words of its own, and returns what the table says.
func (d *Door) Deny(r *http.Request, c *Caller, err error) Answer {
	a := AnswerTo(err)
	d.record(r.Context(), r.RemoteAddr, c, a, err, newInstance())
	return a
}

// Refuse answers a caller. It is told what the table says; the reason is the operator's, found by the problem's instance.
func (d *Door) Refuse(w http.ResponseWriter, r *http.Request, c *Caller, err error) {
	a, instance := AnswerTo(err), newInstance()
	if a.Code == wire.Unauthorized || a.Code == wire.TokenExpired {
		for _, challenge := range challenges(c.Purpose, a) {
			w.Header().Add("WWW-Authenticate", challenge)
		}
	}
	AnswerWith(w, problem.Problem{Code: a.Code, Detail: a.Detail, Instance: "urn:portcullis:" + string(c.Purpose) + ":" + instance, Retry: retryAfter(err)})
	d.record(r.Context(), r.RemoteAddr, c, a, err, instance)
}

func (d *Door) record(ctx context.Context, remote string, c *Caller, a Answer, err error, instance string) {
	attempt := &Attempt{Caller: c, Reason: a.Reason, Fault: a.Fault, Err: err, Instance: instance, Took: time.Since(c.Started)}
	if costs(a) {
		attempt.Spent = d.config.Addresses.Failed(c.Started, c.Address)
	}
	d.config.Observer.Answered(attempt)
	d.log(ctx, remote, attempt, a.Code)
}

// costs reports whether a refusal counts against its address: a credential that was not believed does. Whoever showed none was no trouble, and a token that
// was good once is most often a laptop that slept.
func costs(a Answer) bool { return a.Code == wire.Unauthorized && a.Reason != auth.MissingCredentials }

// newInstance names one refusal, for the client to quote and the operator to find.
func newInstance() string { return "h_" + rand.Text()[:16] }

// giveUpBody lets net/http wait no longer than this for the rest of a request. Where there is no network behind it, nobody waits.
func giveUpBody(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(restOfBody))
}

// restOfBody is how long the body of a refused request may still come, so that its sender reads the answer and no reset. net/http would wait for ReadTimeout.
const restOfBody = 500 * time.Millisecond

// AnswerWith answers with an error and closes the connection: whatever sent the request may have meant what followed it as frames.
func AnswerWith(w http.ResponseWriter, p problem.Problem) {
	w.Header().Set("Connection", "close")
	giveUpBody(w)
	if p.Code == wire.UpgradeRequired { // RFC 9110, section 15.5.22
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Sec-WebSocket-Version", "13")
	}
	problem.Write(w, p)
}

// challenges say how to authenticate (RFC 6750, section 3, and RFC 9449, section 7.1). Without a credential there is no error to tell.
func challenges(p Purpose, a Answer) []string {
	const bearer = `Bearer realm="portcullis"`
	told := []string{bearer + `, error="invalid_token"`}
	switch {
	case a.Reason == auth.MissingCredentials:
		told[0] = bearer
	case a.Code == wire.TokenExpired:
		told[0] += `, error_description="the token has expired"`
	}
	if !ways[p].DPoP {
		return told
	}
	const proof = `DPoP algs="ES256 RS256 PS256 EdDSA ES384"`
	if a.Reason == auth.ProofInvalid || a.Reason == auth.ProofReplayed {
		return append(told, proof+`, error="invalid_dpop_proof"`)
	}
	return append(told, proof)
}
