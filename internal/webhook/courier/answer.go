package courier

import (
	"net/http"
	"strconv"
	"time"
)

// Result is what became of one request. The set is closed: it is a metric label.
type Result string

// The results.
const (
	Taken       Result = "ok"
	Throttled   Result = "throttled"   // 408, 429: later
	Failed      Result = "failed"      // 5xx: later
	TimedOut    Result = "timeout"     // no answer in time: later
	Unreachable Result = "unreachable" // no connection, no TLS, or no HTTP: later
	Redirected  Result = "redirected"  // 3xx, which is not followed: never
	Denied      Result = "refused"     // 4xx: never
	Ended       Result = "gone"        // 410: never, and nothing more
	Cancelled   Result = "cancelled"   // the hook was removed, or the node ended, meanwhile
)

// Results lists every result, for label sets that are created at zero.
var Results = []Result{Taken, Throttled, Failed, TimedOut, Unreachable, Redirected, Denied, Ended, Cancelled}

// Answer is what became of one request.
type Answer struct {
	Result Result
	After  time.Duration // that the receiver wants to be left alone for
	Detail string        // for the operator: the status, or what went wrong
}

func answerOf(r *http.Response) Answer {
	a := Answer{Detail: strconv.Itoa(r.StatusCode), After: after(r.Header.Get("Retry-After"), time.Now())}
	switch code := r.StatusCode; {
	case code/100 == 2:
		a.Result = Taken
	case code/100 == 3:
		a.Result = Redirected
	case code == http.StatusGone:
		a.Result = Ended
	case code == http.StatusRequestTimeout, code == http.StatusTooManyRequests:
		a.Result = Throttled
	case code/100 == 4:
		a.Result = Denied
	default:
		a.Result = Failed
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
