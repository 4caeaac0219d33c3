package revocation

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/tenant"
)

// index finds what ends a principal without looking at everything. Keys are typed, so that no two things have one; issuer is empty in the key of a
// revocation that is about any issuer.
type index struct {
	byID  map[string]*Revocation
	named map[name]*Revocation
	// sessionless are sessions by their user, for credentials that name no session. A user has few.
	sessionless  map[name][]*Revocation
	certificates map[leaf]*Revocation
	ofTenant     map[tenant.ID]int // how many
}

type name struct {
	tenant        tenant.ID
	kind          Kind
	issuer, value string
}

type leaf struct {
	tenant      tenant.ID
	fingerprint [sha256.Size]byte
}

func newIndex() index {
	return index{
		make(map[string]*Revocation), make(map[name]*Revocation), make(map[name][]*Revocation), make(map[leaf]*Revocation), make(map[tenant.ID]int),
	}
}

// put takes r, and reports whether it ends anything that was not ended before.
func (x *index) put(r *Revocation) bool {
	id, news := r.ID(), true
	if old := x.remove(id); old != nil {
		r = old.merge(r)
		news = !r.Before.Equal(old.Before) || !r.Until.Equal(old.Until) || r.User != old.User
	}
	x.byID[id] = r
	x.ofTenant[r.Tenant]++
	x.enter(r)
	return news
}

func (x *index) enter(r *Revocation) {
	if r.Kind == Certificate {
		key := leaf{tenant: r.Tenant}
		_, _ = hex.Decode(key.fingerprint[:], []byte(r.Value))
		x.certificates[key] = r
		return
	}
	x.named[name{r.Tenant, r.Kind, r.Issuer, r.Value}] = r
	if r.Kind == Session && r.User != "" {
		key := name{r.Tenant, User, r.Issuer, r.User}
		x.sessionless[key] = append(x.sessionless[key], r)
	}
}

func (x *index) remove(id string) *Revocation {
	r := x.byID[id]
	if r == nil {
		return nil
	}
	delete(x.byID, id)
	if x.ofTenant[r.Tenant]--; x.ofTenant[r.Tenant] == 0 {
		delete(x.ofTenant, r.Tenant)
	}
	if r.Kind == Certificate {
		key := leaf{tenant: r.Tenant}
		_, _ = hex.Decode(key.fingerprint[:], []byte(r.Value))
		delete(x.certificates, key)
		return r
	}
	delete(x.named, name{r.Tenant, r.Kind, r.Issuer, r.Value})
	if r.Kind == Session && r.User != "" {
		key := name{r.Tenant, User, r.Issuer, r.User}
		rest := slices.DeleteFunc(x.sessionless[key], func(other *Revocation) bool { return other == r })
		if x.sessionless[key] = rest; len(rest) == 0 {
			delete(x.sessionless, key)
		}
	}
	return r
}

// find returns a revocation that ends p at now, nil when there is none.
func (x *index) find(p *auth.Principal, now time.Time) *Revocation {
	for _, issuer := range [...]string{"", p.Issuer} {
		for _, key := range [...]name{
			{p.Tenant, Token, issuer, p.TokenID},
			{p.Tenant, User, issuer, p.User},
			{p.Tenant, Session, issuer, p.Session},
			{p.Tenant, Key, issuer, p.KeyID},
		} {
			if key.value == "" {
				continue
			}
			if r := x.named[key]; r != nil && (key.kind == Session || r.old(p)) && !r.over(now) {
				return r
			}
		}
		if p.Session != "" {
			continue
		}
		for _, r := range x.sessionless[name{p.Tenant, User, issuer, p.User}] {
			if r.old(p) && !r.over(now) {
				return r
			}
		}
	}
	if p.Certificate != nil {
		if r := x.certificates[leaf{p.Tenant, p.Certificate.Fingerprint}]; r != nil && r.old(p) && !r.over(now) {
			return r
		}
	}
	return nil
}

// expire drops what ends nothing any more.
func (x *index) expire(now time.Time) {
	for id, r := range x.byID {
		if r.over(now) {
			x.remove(id)
		}
	}
}
