package e2ee

import "time"

// Member is somebody whose keys an issuer vouches for. [Issuer.Verify] makes it; the zero Member is nobody.
type Member struct {
	public
	user   string
	tenant string
	ends   time.Time // zero for the room's own user, who needs nobody to vouch
}

// User is whom the gateway names as the sender of what this member says.
func (m Member) User() string { return m.user }

// Expires is when the assertion ends, and with it the member, unless it is verified and added anew.
func (m Member) Expires() time.Time { return m.ends }

// leeway is by how much clocks may differ.
const leeway = 30 * time.Second

func (m Member) ended(now time.Time) bool { return !m.ends.IsZero() && !now.Before(m.ends.Add(leeway)) }

// person is one key of one user. A key alone names nobody: a user can have an issuer vouch for the public key of another as theirs.
type person struct{ sign, user string }

func (m Member) person() person { return person{m.signID, m.user} }
