package listen

import (
	"io"
	"log"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Reason says why a TLS handshake failed. The set is closed: it is a metric label.
type Reason string

// The reasons.
const (
	ClientLeft       Reason = "client_left"        // it closed the connection, as scanners and health checks do
	Timeout          Reason = "timeout"            // it did not finish in time
	PlainHTTP        Reason = "plain_http"         // it does not know that this is TLS
	NotTLS           Reason = "not_tls"            // neither
	Version          Reason = "version"            // it has nothing new enough
	CipherSuite      Reason = "cipher_suite"       // it has no suite that is allowed
	NoCertificate    Reason = "no_certificate"     // one is required
	BadCertificate   Reason = "bad_certificate"    // it cannot be read, or its key was not there
	ClientAlert      Reason = "client_alert"       // the client refused, most often because it does not trust the certificate
	OtherTLSProblems Reason = "other_tls_problems" // malformed messages and the like
)

// Reasons returns every reason, so that a metric can begin with all of them.
func Reasons() []Reason {
	return []Reason{ClientLeft, Timeout, PlainHTTP, NotTLS, Version, CipherSuite, NoCertificate, BadCertificate, ClientAlert, OtherTLSProblems}
}

// texts are what crypto/tls and net/http write for a reason; the errors have no types. A test makes each of them happen.
var texts = []struct {
	part   string
	reason Reason
}{
	{"client sent an HTTP request to an HTTPS server", PlainHTTP},
	{"first record does not look like a TLS handshake", NotTLS},
	{"unsupported SSLv2 handshake", NotTLS},
	{"client offered only unsupported versions", Version},
	{"no cipher suite supported by both", CipherSuite},
	{"client didn't provide a certificate", NoCertificate},
	{"by the client certificate", BadCertificate},
	{"client certificate", BadCertificate},
	{"remote error", ClientAlert},
	{"i/o timeout", Timeout},
	{"EOF", ClientLeft},
	{"connection reset", ClientLeft},
	{"broken pipe", ClientLeft},
}

func reasonOf(text string) Reason {
	for _, t := range texts {
		if strings.Contains(text, t.part) {
			return t.reason
		}
	}
	return OtherTLSProblems
}

const (
	handshakeError = "http: TLS handshake error from "
	// linesPerSecond bounds what strangers can make the gateway log. Lines beyond it are counted, and the next one tells how many.
	linesPerSecond = 10
	// maxLine holds a stack; maxText is for what a stranger sent.
	maxLine = 8 << 10
	maxText = 256
)

// ErrorLog returns what [net/http.Server] takes as ErrorLog. Failed handshakes are all told to the observer, and logged at no more than
// ten a second; so is, apart from them, everything else that the server says. Nothing but printable ASCII reaches the logger.
func ErrorLog(logger *slog.Logger, o Observer) *log.Logger {
	return log.New(&errorLog{logger: logger, observer: o}, "", 0)
}

type errorLog struct {
	logger     *slog.Logger
	observer   Observer
	handshakes budget
	others     budget
}

// Write takes one line, perhaps with a stack behind it.
func (e *errorLog) Write(line []byte) (int, error) {
	now, text := time.Now(), strings.TrimSuffix(string(line), "\n")
	rest, failed := strings.CutPrefix(text, handshakeError)
	if !failed {
		if ok, suppressed := e.others.take(now); ok {
			e.logger.Error("http server", "text", printable(text, maxLine), "suppressed", suppressed)
		}
		return len(line), nil
	}
	source, why, _ := strings.Cut(rest, ": ")
	if strings.HasSuffix(why, net.ErrClosed.Error()) { // the gateway closed it, and has said why
		return len(line), nil
	}
	reason := reasonOf(why)
	e.observer.HandshakeError(reason)
	if ok, suppressed := e.handshakes.take(now); ok {
		e.logger.Info("tls handshake failed", "source", printable(source, maxText), "reason", reason, "text", printable(why, maxText),
			"suppressed", suppressed)
	}
	return len(line), nil
}

// LibraryLog returns what Go's standard logger is to write to: some libraries say there what has no other place, net/http's client that a server spoke without being asked. It is logged at
// no more than ten lines a second, without what the library quotes: that is somebody else's, and may be what a client published.
func LibraryLog(logger *slog.Logger) io.Writer { return &libraryLog{logger: logger} }

type libraryLog struct {
	logger *slog.Logger
	lines  budget
}

// Write takes one line.
func (l *libraryLog) Write(line []byte) (int, error) {
	if ok, suppressed := l.lines.take(time.Now()); ok {
		text, _, quotes := strings.Cut(strings.TrimSuffix(string(line), "\n"), `"`)
		l.logger.Warn("a library said something", "event", "library.said", "text", printable(text, maxText), "cut", quotes, "suppressed", suppressed)
	}
	return len(line), nil
}

// printable escapes what is not printable ASCII, before it shortens: a cut escape does no harm, a cut rune would.
func printable(s string, most int) string {
	s = s[:min(len(s), most)]
	quoted := strconv.QuoteToASCII(s)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}

// budget lets linesPerSecond lines through in each second.
type budget struct {
	mu         sync.Mutex
	second     time.Time
	lines      int
	suppressed int
}

// take reports whether a line may be written, and how many were not since the last one.
func (b *budget) take(now time.Time) (ok bool, suppressed int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now.Sub(b.second) >= time.Second {
		b.second, b.lines = now, 0
	}
	if b.lines == linesPerSecond {
		b.suppressed++
		return false, 0
	}
	b.lines++
	suppressed, b.suppressed = b.suppressed, 0
	return true, suppressed
}
