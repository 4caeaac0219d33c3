package listen

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"portcullis/internal/config/regular"
)

const (
	// lookEvery is how often at most the files are looked at.
	lookEvery = time.Second
	// maxFile is more than any certificate with its intermediates has.
	maxFile = 1 << 20
)

// Certificate is the listener's certificate and key, as they stood in their files within the last second. A handshake looks whether they changed;
// nothing runs while there is none. A pair that cannot be used, half written or mismatched, changes nothing: the last good one is
// served until it can.
type Certificate struct {
	// Set by loadCertificate, then read-only.
	certificateFile, keyFile string
	observer                 Observer
	logger                   *slog.Logger

	current atomic.Pointer[tls.Certificate]

	// Guarded by mu. Handshakes only try it: one looks, the others go on with what there is.
	mu     sync.Mutex
	looked time.Time
	served contents // of current
	failed string   // the error of the last look
	told   bool
}

// contents are hashes of the files. Comparing contents, not times or inodes, sees every change, however a file was replaced (in place, renamed,
// Kubernetes' ..data link), and costs two small reads a second.
type contents struct{ certificate, key [sha256.Size]byte }

func loadCertificate(certificateFile, keyFile string, o Observer, l *slog.Logger) (*Certificate, error) {
	c := &Certificate{certificateFile: certificateFile, keyFile: keyFile, observer: o, logger: l, looked: time.Now()}
	if err := c.load(); err != nil {
		return nil, err
	}
	return c, nil
}

// NotAfter returns when the certificate that is served now expires.
func (c *Certificate) NotAfter() time.Time { return c.current.Load().Leaf.NotAfter }

func (c *Certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if c.mu.TryLock() {
		if now := time.Now(); now.Sub(c.looked) >= lookEvery {
			c.looked = now
			c.reload()
		}
		c.mu.Unlock()
	}
	return c.current.Load(), nil
}

// reload loads what changed. A failure is told when the next look finds the same, for files may be caught half written; and it is
// told once, not once a second.
func (c *Certificate) reload() {
	err := c.load()
	switch {
	case err == nil:
		c.failed, c.told = "", false
	case err.Error() != c.failed:
		c.failed, c.told = err.Error(), false
	case !c.told:
		c.told = true
		c.logger.Error("certificate not reloaded, the last one is served further", "error", err, "not_after", c.NotAfter())
		c.observer.ReloadFailed(err)
	}
}

// load takes the pair that stands in the files, where it is another than the one that is served.
func (c *Certificate) load() error {
	certificate, err := read("certificate", c.certificateFile)
	if err != nil {
		return err
	}
	key, err := read("key", c.keyFile)
	if err != nil {
		return err
	}
	found := contents{sha256.Sum256(certificate), sha256.Sum256(key)}
	if c.current.Load() != nil && found == c.served {
		return nil
	}
	pair, err := parse(certificate, key)
	if err != nil {
		return fmt.Errorf("certificate file %q with key file %q: %w", c.certificateFile, c.keyFile, err)
	}
	c.served = found
	c.current.Store(pair)
	c.tell(pair)
	return nil
}

func (c *Certificate) tell(pair *tls.Certificate) {
	leaf := pair.Leaf
	log := c.logger.With("file", c.certificateFile, "subject", leaf.Subject.String(), "not_after", leaf.NotAfter)
	if time.Now().After(leaf.NotAfter) {
		log.Warn("certificate expired: clients will refuse it; put a new one into the file, it is taken within a second")
	} else {
		log.Info("certificate loaded")
	}
	c.observer.CertificateLoaded(leaf.NotAfter)
}

func read(what, file string) ([]byte, error) {
	content, _, err := regular.Read(file, maxFile)
	if large, ok := errors.AsType[regular.TooLarge](err); ok {
		return nil, fmt.Errorf("%s file %q has more than %d bytes; name a PEM file", what, file, int64(large))
	}
	if err != nil {
		return nil, fmt.Errorf("%s file %q cannot be read: %w; name a PEM file that the gateway may read", what, file, errors.Unwrap(err))
	}
	if !bytes.Contains(content, []byte("-----BEGIN ")) {
		return nil, fmt.Errorf("%s file %q holds no PEM block; it must be PEM, DER is converted by openssl", what, file)
	}
	return content, nil
}

// parse checks that the files are a pair. What crypto/tls says of a key never holds a part of it.
func parse(certificate, key []byte) (*tls.Certificate, error) {
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("%w; the certificate file holds the certificate first and then its intermediates, the key file the key of that "+
			"first certificate without a passphrase", err)
	}
	return &pair, nil
}
