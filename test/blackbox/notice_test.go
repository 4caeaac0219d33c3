package blackbox_test

const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// logoutToken is what the tenant's identity service sends when somebody has logged out; claims say who.
func (p *party) logoutToken(more ...claims) string {
	return p.report(claims{"typ": "logout+jwt"}, append([]claims{{
		"aud": "client-" + p.id, "exp": now() + 120, "events": claims{logoutEvent: claims{}},
	}}, more...)...)
}

// report is a token of the tenant's issuer that reports something.
func (p *party) report(header claims, more ...claims) string {
	all := claims{"iss": p.issuer.URL, "iat": now(), "jti": someone("report")}
	for _, c := range more {
		for k, v := range c {
			all[k] = v
		}
	}
	return secret(p.issuer.Sign(header, all))
}
