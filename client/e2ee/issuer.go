package e2ee

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// IssuerOptions say whom to believe about members. They come with the program: a gateway that could name the issuer could be the one that lies.
type IssuerOptions struct {
	Issuer string // the "iss" of its assertions, to the letter
	Tenant string // of the members
	// Prefix stands before the assertion's subject in the names that the gateway gives to users, where the tenant's file has a `prefix` for this issuer.
	Prefix string
	// URL is where the issuer publishes its keys (RFC 7517, section 5): https, or http on this machine. They are asked for when they are needed, for 10 seconds at the most, and again
	// after an hour; an unknown key id asks again at most once a minute.
	URL string
	// Keys are the issuer's key set itself, instead of URL.
	Keys []byte
	// HTTPClient fetches URL. Redirects are not followed whatever it says. http.DefaultTransport is used where it is nil.
	HTTPClient *http.Client
}

// Issuer vouches for the keys of members: the tenant's identity service, or a backend of the team. It is safe for concurrent use.
type Issuer struct {
	issuer, tenant, prefix string
	keys                   interface {
		lookup(ctx context.Context, kid string) (*issuerKey, error)
	}
}

// NewIssuer checks options. It fetches nothing.
func NewIssuer(o IssuerOptions) (*Issuer, error) {
	i := &Issuer{issuer: o.Issuer, tenant: o.Tenant, prefix: o.Prefix}
	switch {
	case o.Issuer == "" || o.Tenant == "":
		return nil, errors.New("IssuerOptions.Issuer and Tenant must be given: whoever signs for everybody signs for nobody")
	case (o.URL == "") == (o.Keys == nil):
		return nil, errors.New("IssuerOptions must have URL or Keys, and not both")
	case o.Keys != nil:
		set, err := readKeySet(o.Keys)
		if err != nil {
			return nil, fmt.Errorf("IssuerOptions.Keys: %w", err)
		}
		i.keys = set
		return i, nil
	}
	remote, err := newRemote(o.URL, o.HTTPClient)
	if err != nil {
		return nil, fmt.Errorf("IssuerOptions.URL: %w", err)
	}
	i.keys = remote
	return i, nil
}

// Verify reads an assertion, a JWT (RFC 7519) of the type e2ee-key+jwt (RFC 8725, section 3.11), and returns the member that the issuer vouches for.
// Its error is an [*Error]. What is cheap to see comes first, so that a stranger's text makes nobody fetch keys.
func (i *Issuer) Verify(ctx context.Context, assertion string) (Member, error) {
	a, err := readAssertion(assertion)
	if err != nil {
		return Member{}, refuse(Assertion, "the assertion: %v", err)
	}
	if err := i.claims(a, time.Now()); err != nil {
		return Member{}, err
	}
	key, err := i.keys.lookup(ctx, a.kid)
	if err != nil {
		return Member{}, &Error{Reason: Assertion, Detail: fmt.Sprintf("the keys of %s: %v", i.issuer, err), cause: err}
	}
	if err := key.verify(a.alg, a.signed); err != nil {
		return Member{}, refuse(Assertion, "the assertion: %v", err)
	}
	keys, err := readPublic(a.keys)
	if err != nil {
		return Member{}, refuse(Assertion, "the assertion: %v; take what Identity.Keys gives", err)
	}
	return Member{keys, i.prefix + a.subject, i.tenant, a.expires}, nil
}

// claims asks whose assertion this is, and whether it is its time.
func (i *Issuer) claims(a *assertion, now time.Time) error {
	switch {
	case a.issuer != i.issuer:
		return refuse(Assertion, "iss is %.200q; this room believes %q alone", a.issuer, i.issuer)
	case a.tenant != i.tenant:
		return refuse(Tenant, "the assertion is for tenant %.64q, not for %q", a.tenant, i.tenant)
	case !now.Before(a.expires.Add(leeway)):
		return refuse(Expired, "the assertion ended at %s; get a new one", a.expires.UTC().Format(time.RFC3339))
	case a.issued.After(now.Add(leeway)), a.notBefore.After(now.Add(leeway)):
		return refuse(Assertion, "the assertion begins in the future; compare the clocks")
	}
	return nil
}
