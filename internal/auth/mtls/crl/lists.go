package crl

import (
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"portcullis/internal/auth"
)

// Lists are the revocation lists of one tenant's authorities, as they stood in their files within the last seconds. No Lists revoke nothing.
type Lists struct {
	// Set by Load, then read-only.
	files       []string
	authorities []*x509.Certificate

	current atomic.Pointer[lists]

	// Owned by whoever looks.
	looked   [sha256.Size]byte // at these contents
	again    time.Time         // when these contents are read again; zero when nothing is wrong with them
	faults   error             // what is wrong with them
	watching                   // by Run
}

// lists are one list for each authority, by the SHA-256 of its public key.
type lists map[[sha256.Size]byte]*list

func keyOf(c *x509.Certificate) [sha256.Size]byte { return sha256.Sum256(c.RawSubjectPublicKeyInfo) }

// retry is when contents that could not be used are read once more: a list of the future comes of age.
const retry = time.Minute

// FileError is what is wrong with one file.
type FileError struct {
	File string
	Err  error
}

func (e *FileError) Error() string { return fmt.Sprintf("revocation list %q: %v", e.File, e.Err) }
func (e *FileError) Unwrap() error { return e.Err }

// Load reads the lists of authorities in files, PEM or DER. There must be one of each: an authority that is forgotten would be one that revokes nothing.
// A list that has run out is taken, and [Lists.Warnings] tells of it: it keeps out its own authority's clients, and not everybody's gateway.
//
// Its error joins all that is wrong; where it is one file's, it is a [*FileError].
func Load(files []string, authorities []*x509.Certificate, now time.Time) (*Lists, error) {
	l := &Lists{files: files, authorities: authorities}
	l.current.Store(&lists{})
	if _, err := l.look(now); err != nil {
		return nil, err
	}
	return l, nil
}

// Same reports whether other lists are read from the same files, for the same authorities. No Lists are the same as none.
func (l *Lists) Same(other *Lists) bool {
	if l == nil || other == nil {
		return l == other
	}
	return slices.Equal(l.files, other.files) && slices.EqualFunc(l.authorities, other.authorities, (*x509.Certificate).Equal)
}

// look reads the files if they changed, takes every list in them that can be used, and reports whether other lists count than before. The error joins
// what could not be used.
func (l *Lists) look(now time.Time) (changed bool, err error) {
	sum := sumOf(l.files)
	if sum == l.looked && (l.again.IsZero() || now.Before(l.again)) {
		return false, l.faults
	}
	last := *l.current.Load()
	next := maps.Clone(last)
	faults := l.readAll(next, now)
	l.looked, l.again, l.faults = sum, time.Time{}, errors.Join(faults...)
	if l.faults != nil {
		l.again = now.Add(retry)
	}
	same := func(a, b *list) bool { return a.sum == b.sum }
	if maps.EqualFunc(last, next, same) {
		return false, l.faults
	}
	l.current.Store(&next)
	return true, l.faults
}

// readAll puts the lists that are in the files in the place of those that counted.
func (l *Lists) readAll(into lists, now time.Time) (faults []error) {
	found := make(map[[sha256.Size]byte]bool)
	for _, file := range l.files {
		text, err := readFile(file)
		var ders [][]byte
		if err == nil {
			ders, err = encoded(text)
		}
		if err != nil {
			faults = append(faults, &FileError{file, err})
		}
		for _, der := range ders {
			if err := l.take(der, into, found, now); err != nil {
				faults = append(faults, &FileError{file, err})
			}
		}
	}
	for _, a := range l.authorities {
		if len(faults) == 0 && !found[keyOf(a)] {
			return []error{fmt.Errorf("there is no revocation list of authority %q; where one authority has a list each must have one, put it in", a.Subject)}
		}
	}
	return faults
}

func (l *Lists) take(der []byte, into lists, found map[[sha256.Size]byte]bool, now time.Time) error {
	of, list, err := read(der, l.authorities, now)
	if err != nil {
		return err
	}
	key := keyOf(of)
	if found[key] {
		return fmt.Errorf("there is a second list of %q; keep the newer one", of.Subject)
	}
	found[key] = true
	if err := list.follows(into[key]); err != nil {
		return err
	}
	into[key] = list
	return nil
}

// Warnings says which lists have run out, and which will soon.
func (l *Lists) Warnings(now time.Time) (warnings []string) {
	for _, of := range l.inOrder() {
		until := of.until.UTC().Format(time.RFC3339)
		switch {
		case !now.Before(of.ends()):
			warnings = append(warnings, fmt.Sprintf("the list of %q ran out at %s, and its certificates are refused; put in the next one", of.authority, until))
		case of.soon(now):
			warnings = append(warnings, fmt.Sprintf("the list of %q runs out at %s; put in the next one before", of.authority, until))
		}
	}
	return warnings
}

// inOrder returns the lists in the order of the authorities.
func (l *Lists) inOrder() (all []*list) {
	current := *l.current.Load()
	told := make(map[*list]bool)
	for _, a := range l.authorities { // a key may have two certificates
		if of := current[keyOf(a)]; of != nil && !told[of] {
			told[of] = true
			all = append(all, of)
		}
	}
	return all
}

// Check says whether a certificate is revoked, or whether nobody can say. Every certificate of its chain is asked about: with an authority go all that it issued.
func (l *Lists) Check(c *auth.Certificate, now time.Time) error {
	if l == nil {
		return nil
	}
	current := *l.current.Load()
	for i, link := range c.Links {
		of := current[link.Authority]
		switch {
		case of == nil:
			return auth.Refuse(auth.RevocationUnknown, "there is no revocation list of the authority that issued certificate %d of the chain; "+
				"put that authority into the authorities file, and its list beside the others", i+1)
		case !now.Before(of.ends()):
			return auth.Refuse(auth.RevocationUnknown, "the revocation list of %s ran out at %s; put the next one into its file",
				of.authority, of.until.UTC().Format(time.RFC3339))
		}
		if _, revoked := of.revoked[link.Serial]; revoked {
			return auth.Refuse(auth.CertificateRevoked, "certificate %d of the chain is revoked by %s", i+1, of.authority)
		}
	}
	return nil
}
