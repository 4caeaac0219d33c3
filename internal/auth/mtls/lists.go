package mtls

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"portcullis/internal/auth"
)

const (
	// lookEvery is how often the files of revocation lists are read again.
	lookEvery = 2 * time.Second
	// maxLists is more than the lists of half a million revoked certificates have.
	maxLists = 32 << 20
	// warnBefore is how long before a list runs out the log says so.
	warnBefore = 24 * time.Hour
)

// Lists are the revocation lists of one tenant's authorities (RFC 5280, section 5), as they stood in their files within the last seconds. A file that cannot be used
// changes nothing: the last good lists count until they run out.
type Lists struct {
	// Set by LoadLists, then read-only.
	files       []string
	authorities []*x509.Certificate

	current atomic.Pointer[lists]

	// Owned by whoever looks.
	contents [sha256.Size]byte
	told     string
	overdue  bool // the first of them has run out
	warned   bool
}

// lists are one list for each authority, by the SHA-256 of its public key.
type lists map[[sha256.Size]byte]*list

type list struct {
	authority string // for people
	number    *x509.RevocationList
	ends      time.Time // until when it counts, leeway included
	revoked   map[string]struct{}
}

// LoadLists reads the lists of authorities in files, PEM or DER. There must be one of each: an authority that is forgotten would be one that revokes nothing.
func LoadLists(files []string, authorities []*x509.Certificate, now time.Time) (*Lists, error) {
	l := &Lists{files: files, authorities: authorities}
	if _, err := l.look(now); err != nil {
		return nil, err
	}
	return l, nil
}

// look reads the files, and reports whether there are other lists in them than before.
func (l *Lists) look(now time.Time) (changed bool, err error) {
	all := make([][]byte, len(l.files))
	sums := sha256.New()
	for i, file := range l.files {
		if all[i], err = readList(file); err != nil {
			return false, err
		}
		sum := sha256.Sum256(all[i])
		sums.Write(sum[:])
	}
	contents := [sha256.Size]byte(sums.Sum(nil))
	if l.current.Load() != nil && contents == l.contents {
		return false, nil
	}
	found := make(lists)
	for i, text := range all {
		if err := l.read(text, found, now); err != nil {
			return false, fmt.Errorf("revocation list %q: %w", l.files[i], err)
		}
	}
	for _, a := range l.authorities {
		if found[keyOf(a)] == nil {
			return false, fmt.Errorf("there is no revocation list of authority %q among %q; where one has a list each must have one, put it in", a.Subject, l.files)
		}
	}
	l.current.Store(&found)
	l.contents, l.overdue, l.warned = contents, false, false
	return true, nil
}

func keyOf(c *x509.Certificate) [sha256.Size]byte { return sha256.Sum256(c.RawSubjectPublicKeyInfo) }

func readList(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("revocation list %q cannot be read: %w; name a PEM or DER file that the gateway may read", file, errors.Unwrap(err))
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxLists+1))
	if err != nil {
		return nil, fmt.Errorf("revocation list %q cannot be read: %w", file, err)
	}
	if len(text) > maxLists {
		return nil, fmt.Errorf("revocation list %q has more than %d bytes; issue shorter-lived certificates, whose revocations are forgotten sooner", file, maxLists)
	}
	return text, nil
}

// check says whether a certificate is revoked, or whether nobody can say. Every certificate of its chain is asked about: with an authority go all that it issued.
func (l *Lists) check(c *auth.Certificate, now time.Time) error {
	if l == nil {
		return nil
	}
	current := *l.current.Load()
	for i, link := range c.Links {
		of := current[link.Authority]
		switch {
		case of == nil:
			return auth.Refuse(auth.RevocationUnknown, "there is no revocation list of the authority that issued certificate %d of the chain", i+1)
		case !now.Before(of.ends):
			return auth.Refuse(auth.RevocationUnknown, "the revocation list of %s ran out at %s; put the next one into its file", of.authority, of.ends.UTC().Format(time.RFC3339))
		}
		if _, revoked := of.revoked[link.Serial]; revoked {
			return auth.Refuse(auth.CertificateRevoked, "certificate %d of the chain is revoked by %s", i+1, of.authority)
		}
	}
	return nil
}

// run looks at the files until ctx ends, and calls changed when other certificates count than before.
func (l *Lists) run(ctx context.Context, log *slog.Logger, changed func()) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := time.Now()
		other, err := l.look(now)
		l.tell(log, other, err)
		if other || l.runsOut(log, now) {
			changed()
		}
	}
}

// tell says once what is wrong with the files, and once that it is right again.
func (l *Lists) tell(log *slog.Logger, other bool, err error) {
	switch {
	case err != nil && err.Error() != l.told:
		l.told = err.Error()
		log.Error("revocation lists not reloaded, the last good ones count further", "event", "crl.failed", "error", err)
	case err == nil && (other || l.told != ""):
		l.told = ""
		log.Info("revocation lists loaded", "event", "crl.loaded", "files", l.files)
	}
}

// runsOut reports whether a list has just run out, and warns the day before.
func (l *Lists) runsOut(log *slog.Logger, now time.Time) bool {
	for _, of := range *l.current.Load() {
		left := of.ends.Sub(now)
		if left <= 0 && !l.overdue {
			l.overdue = true
			log.Error("a revocation list ran out: certificates of its authority are refused until the next one is there", "event", "crl.expired", "authority", of.authority)
			return true
		}
		if left > 0 && left < warnBefore && !l.warned {
			l.warned = true
			log.Warn("a revocation list runs out soon", "event", "crl.expires", "authority", of.authority, "next_update", of.number.NextUpdate)
		}
	}
	return false
}

// read takes the lists of one file.
func (l *Lists) read(text []byte, into lists, now time.Time) error {
	ders, err := encoded(text)
	if err != nil {
		return err
	}
	for _, der := range ders {
		parsed, err := x509.ParseRevocationList(der)
		if err != nil {
			return fmt.Errorf("it is no revocation list: %w; copy the file again, whole", err)
		}
		of, err := l.signer(parsed)
		if err != nil {
			return err
		}
		if err := l.usable(parsed, of, now); err != nil {
			return fmt.Errorf("the list of %q %w", of.Subject, err)
		}
		key := keyOf(of)
		if into[key] != nil {
			return fmt.Errorf("there are two lists of %q; keep the newer one", of.Subject)
		}
		into[key] = index(parsed, of)
	}
	return nil
}

func index(parsed *x509.RevocationList, of *x509.Certificate) *list {
	l := &list{of.Subject.String(), parsed, parsed.NextUpdate.Add(DefaultLeeway), make(map[string]struct{}, len(parsed.RevokedCertificateEntries))}
	for _, e := range parsed.RevokedCertificateEntries {
		l.revoked[string(e.SerialNumber.Bytes())] = struct{}{}
	}
	return l
}

// signer finds the authority whose list it is, by the signature and not by what the list says.
func (l *Lists) signer(parsed *x509.RevocationList) (*x509.Certificate, error) {
	var last error
	for _, a := range l.authorities {
		if !bytes.Equal(a.RawSubject, parsed.RawIssuer) {
			continue
		}
		if last = parsed.CheckSignatureFrom(a); last == nil {
			return a, nil
		}
	}
	if last != nil {
		return nil, fmt.Errorf("the list of %q is not signed by that authority: %w", parsed.Issuer, last)
	}
	return nil, fmt.Errorf("the list is of %q, which is not in the authorities file", parsed.Issuer)
}
