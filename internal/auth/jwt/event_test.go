package jwt_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/auth/authtest"
	"portcullis/internal/auth/jwt"
	"portcullis/internal/tenant"
)

const (
	logoutType  = "http://schemas.openid.net/event/backchannel-logout"
	revokedType = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
	changedType = "https://schemas.openid.net/secevent/caep/event-type/credential-change"
)

// reporters are an issuer of acme without a prefix, a partner's with one, and a verifier that knows both; globex shares the first.
type reporters struct {
	main, partner *authtest.Issuer
	verifier      *jwt.Verifier
}

func newReporters(t *testing.T) *reporters {
	t.Helper()
	s := &reporters{main: authtest.New("https://id.acme.example"), partner: authtest.New("https://partner.example")}
	main, partner := s.main.Settings(t, "acme"), s.partner.Settings(t, "acme")
	main.LogoutAudience, main.EventsAudience = "client-acme", "https://gw/acme"
	partner.Prefix, partner.LogoutAudience, partner.EventsAudience = "partner|", "client-partner", "https://gw/partner"
	globex := main
	globex.Tenant, globex.Audience, globex.LogoutAudience, globex.EventsAudience = tenant.MustParse("globex"), "globex", "client-globex", "https://gw/globex"
	var err error
	if s.verifier, err = jwt.NewVerifier([]jwt.Issuer{main, partner, globex}, auth.NewSlots(1)); err != nil {
		t.Fatal(err)
	}
	return s
}

func logoutToken(i *authtest.Issuer, header authtest.Claims, claims ...authtest.Claims) string {
	now := time.Now().Unix()
	all := authtest.Claims{
		"iss": i.URL, "aud": "client-acme", "iat": now, "exp": now + 120, "jti": "l1", "sub": "ana", "sid": "s1",
		"events": map[string]any{logoutType: map[string]any{}},
	}
	for _, c := range claims {
		maps.Copy(all, c)
	}
	head := authtest.Claims{"typ": "logout+jwt"}
	maps.Copy(head, header)
	return i.Sign(head, all)
}

func eventToken(i *authtest.Issuer, header authtest.Claims, claims ...authtest.Claims) string {
	all := authtest.Claims{
		"iss": i.URL, "aud": "https://gw/acme", "iat": time.Now().Unix(), "jti": "e1",
		"events": map[string]any{revokedType: map[string]any{}}, "sub_id": map[string]any{"format": "iss_sub", "iss": i.URL, "sub": "ana"},
	}
	for _, c := range claims {
		maps.Copy(all, c)
	}
	head := authtest.Claims{"typ": "secevent+jwt"}
	maps.Copy(head, header)
	return i.Sign(head, all)
}

func TestWhomALogoutTokenEnds(t *testing.T) {
	s := newReporters(t)
	tests := []struct {
		name          string
		token         string
		tenant        string
		user, session string
	}{
		{"user and session", logoutToken(s.main, nil), "acme", "ana", "s1"},
		{"the user alone", logoutToken(s.main, nil, authtest.Claims{"sid": authtest.Absent}), "acme", "ana", ""},
		{"the session alone", logoutToken(s.main, nil, authtest.Claims{"sub": authtest.Absent}), "acme", "", "s1"},
		{"without a typ", logoutToken(s.main, authtest.Claims{"typ": authtest.Absent}), "acme", "ana", "s1"},
		{"of typ JWT", logoutToken(s.main, authtest.Claims{"typ": "JWT"}), "acme", "ana", "s1"},
		{"of the other tenant", logoutToken(s.main, nil, authtest.Claims{"aud": "client-globex"}), "globex", "ana", "s1"},
		{"a partner's", logoutToken(s.partner, nil, authtest.Claims{"aud": []string{"x", "client-partner"}}), "acme", "partner|ana", "s1"},
	}
	for _, tt := range tests {
		got, err := s.verifier.Logout(t.Context(), tt.token, time.Now())
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got.Tenant.String() != tt.tenant || got.User != tt.user || got.Session != tt.session || got.ID != "l1" || time.Since(got.Before) > time.Minute {
			t.Errorf("%s: got %+v", tt.name, got)
		}
	}
}

func TestForgedLogoutTokens(t *testing.T) {
	s := newReporters(t)
	eve := authtest.New(s.main.URL)
	tests := []struct {
		name  string
		token string
		want  auth.Reason
	}{
		{"an access token", s.main.Token("ana", authtest.Claims{"aud": "client-acme"}), auth.TokenMalformed},
		{"an access token with a jti", s.main.Token("ana", authtest.Claims{"aud": "client-acme", "jti": "x"}), auth.TokenType},
		{"an access token's typ", logoutToken(s.main, authtest.Claims{"typ": "at+jwt"}), auth.TokenType},
		{"a security event", eventToken(s.main, nil, authtest.Claims{"aud": "client-acme"}), auth.TokenType},
		{"an ID token in disguise", logoutToken(s.main, nil, authtest.Claims{"nonce": "n"}), auth.TokenType},
		{"signed by another key", logoutToken(eve, nil), auth.UnknownKey},
		{"signed by another key under our kid", logoutToken(eve, authtest.Claims{"kid": s.main.KeyID}), auth.BadSignature},
		{"alg none", logoutToken(s.main, authtest.Claims{"alg": "none"}), auth.AlgNotAllowed},
		{"of an unknown issuer", logoutToken(authtest.New("https://evil.example"), nil), auth.BadIssuer},
		{"for another client", logoutToken(s.main, nil, authtest.Claims{"aud": "client-other"}), auth.BadAudience},
		{"for the audience of access tokens", logoutToken(s.main, nil, authtest.Claims{"aud": authtest.Audience}), auth.BadAudience},
		{"for the audience of events", logoutToken(s.main, nil, authtest.Claims{"aud": "https://gw/acme"}), auth.BadAudience},
		{"for clients of two tenants", logoutToken(s.main, nil, authtest.Claims{"aud": []string{"client-acme", "client-globex"}}), auth.BadAudience},
		{"a partner's for our client", logoutToken(s.partner, nil), auth.BadAudience},
		{"without an audience", logoutToken(s.main, nil, authtest.Claims{"aud": authtest.Absent}), auth.BadAudience},
		{"expired", logoutToken(s.main, nil, authtest.Claims{"exp": time.Now().Unix() - 60}), auth.TokenExpired},
		{"without an end", logoutToken(s.main, nil, authtest.Claims{"exp": authtest.Absent}), auth.TokenMalformed},
		{"without an id", logoutToken(s.main, nil, authtest.Claims{"jti": authtest.Absent}), auth.TokenMalformed},
		{"without a time", logoutToken(s.main, nil, authtest.Claims{"iat": authtest.Absent}), auth.TokenMalformed},
		{"of the future", logoutToken(s.main, nil, authtest.Claims{"iat": time.Now().Unix() + 3600, "exp": time.Now().Unix() + 7200}), auth.TokenNotYetValid},
		{"about nobody", logoutToken(s.main, nil, authtest.Claims{"sub": authtest.Absent, "sid": authtest.Absent}), auth.BadSubject},
		{"without events", logoutToken(s.main, nil, authtest.Claims{"events": authtest.Absent}), auth.TokenType},
		{"with events that are a list", logoutToken(s.main, nil, authtest.Claims{"events": []string{logoutType}}), auth.TokenType},
		{"with an event that is text", logoutToken(s.main, nil, authtest.Claims{"events": map[string]any{logoutType: "x"}}), auth.TokenMalformed},
		{"with another event beside it", logoutToken(s.main, nil, authtest.Claims{"events": map[string]any{logoutType: map[string]any{}, "x": map[string]any{}}}), auth.TokenMalformed},
		{"about a partner's user", logoutToken(s.main, nil, authtest.Claims{"sub": "partner|bob"}), auth.BadSubject},
		{"about a certificate's user", logoutToken(s.main, nil, authtest.Claims{"sub": "cert|door"}), auth.BadSubject},
		{"with its own key", logoutToken(s.main, authtest.Claims{"jwk": s.main.JWK()}), auth.EmbeddedKey},
		{"with crit", logoutToken(s.main, authtest.Claims{"crit": []string{"x"}}), auth.CriticalHeader},
	}
	for _, tt := range tests {
		got, err := s.verifier.Logout(t.Context(), tt.token, time.Now())
		if auth.ReasonOf(err) != tt.want || got != nil && err == nil {
			t.Errorf("%s: got %+v, %v; want %s", tt.name, got, err, tt.want)
		}
	}
}

func TestWhomASecurityEventEnds(t *testing.T) {
	s := newReporters(t)
	session := map[string]any{"format": "opaque", "id": "s1"}
	user := map[string]any{"format": "iss_sub", "iss": s.main.URL, "sub": "ana"}
	about := func(id map[string]any) authtest.Claims { return authtest.Claims{"sub_id": id} }
	earlier := time.Now().Add(-time.Hour).Unix()
	tests := []struct {
		name          string
		token         string
		user, session string
		before        time.Time // zero: about now
	}{
		{"a user's sessions", eventToken(s.main, nil), "ana", "", time.Time{}},
		{"by an opaque id", eventToken(s.main, nil, about(map[string]any{"format": "opaque", "id": "ana"})), "ana", "", time.Time{}},
		{"a session of a user", eventToken(s.main, nil, about(map[string]any{"format": "complex", "user": user, "session": session})), "ana", "s1", time.Time{}},
		{"a session", eventToken(s.main, nil, about(map[string]any{"format": "complex", "session": session})), "", "s1", time.Time{}},
		{"when it happened", eventToken(s.main, nil, authtest.Claims{"events": map[string]any{revokedType: map[string]any{"event_timestamp": earlier}}}), "ana", "", time.Unix(earlier, 0)},
		{"a time of its own that is to come", eventToken(s.main, nil, authtest.Claims{"events": map[string]any{revokedType: map[string]any{"event_timestamp": 4102444800}}}), "ana", "", time.Time{}},
		{"a new password", eventToken(s.main, nil, authtest.Claims{"events": map[string]any{changedType: map[string]any{"change_type": "update"}}}), "ana", "", time.Time{}},
		{"a new password, told with a session", eventToken(s.main, nil, about(map[string]any{"format": "complex", "user": user, "session": session}),
			authtest.Claims{"events": map[string]any{changedType: map[string]any{}}}), "ana", "", time.Time{}},
		{"a partner's", eventToken(s.partner, nil, authtest.Claims{"aud": "https://gw/partner"}), "partner|ana", "", time.Time{}},
	}
	for _, tt := range tests {
		got, err := s.verifier.SecurityEvent(t.Context(), tt.token, time.Now())
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		right := got.Before.Equal(tt.before) || tt.before.IsZero() && time.Since(got.Before) < time.Minute
		if got.User != tt.user || got.Session != tt.session || !right {
			t.Errorf("%s: got %+v", tt.name, got)
		}
	}
	for _, harmless := range []string{"https://schemas.openid.net/secevent/ssf/event-type/verification", "https://schemas.openid.net/secevent/caep/event-type/device-compliance-change"} {
		got, err := s.verifier.SecurityEvent(t.Context(), eventToken(s.main, nil, authtest.Claims{"events": map[string]any{harmless: map[string]any{"state": "x"}}}), time.Now())
		if err != nil || got.User != "" || got.Session != "" {
			t.Errorf("%s: got %+v, %v; want it taken, and nothing done", harmless, got, err)
		}
	}
}

func TestForgedSecurityEvents(t *testing.T) {
	s := newReporters(t)
	about := func(id any) authtest.Claims { return authtest.Claims{"sub_id": id} }
	deep := map[string]any{"format": "complex", "user": map[string]any{"format": "complex", "user": map[string]any{"format": "opaque", "id": "ana"}}}
	tests := []struct {
		name  string
		token string
		want  auth.Reason
	}{
		{"an access token", s.main.Token("ana", authtest.Claims{"aud": "https://gw/acme", "jti": "x"}), auth.TokenType},
		{"of typ JWT", eventToken(s.main, authtest.Claims{"typ": "JWT"}), auth.TokenType},
		{"without a typ", eventToken(s.main, authtest.Claims{"typ": authtest.Absent}), auth.TokenType},
		{"a logout token", logoutToken(s.main, nil, authtest.Claims{"aud": "https://gw/acme"}), auth.TokenType},
		{"with an exp", eventToken(s.main, nil, authtest.Claims{"exp": time.Now().Unix() + 60}), auth.TokenType},
		{"with a sub", eventToken(s.main, nil, authtest.Claims{"sub": "ana"}), auth.TokenType},
		{"that is two days old", eventToken(s.main, nil, authtest.Claims{"iat": time.Now().Add(-48 * time.Hour).Unix()}), auth.TokenExpired},
		{"of the future", eventToken(s.main, nil, authtest.Claims{"iat": time.Now().Add(time.Hour).Unix()}), auth.TokenNotYetValid},
		{"for another receiver", eventToken(s.main, nil, authtest.Claims{"aud": "https://other"}), auth.BadAudience},
		{"of a partner for our audience", eventToken(s.partner, nil), auth.BadAudience},
		{"about another issuer's user", eventToken(s.main, nil, about(map[string]any{"format": "iss_sub", "iss": s.partner.URL, "sub": "ana"})), auth.BadSubject},
		{"about a certificate's user", eventToken(s.main, nil, about(map[string]any{"format": "opaque", "id": "cert|door"})), auth.BadSubject},
		{"about a mail address", eventToken(s.main, nil, about(map[string]any{"format": "email", "email": "ana@acme.example"})), auth.BadSubject},
		{"about nobody", eventToken(s.main, nil, about(map[string]any{"format": "opaque"})), auth.BadSubject},
		{"without a subject", eventToken(s.main, nil, about(authtest.Absent)), auth.BadSubject},
		{"about a text", eventToken(s.main, nil, about("ana")), auth.BadSubject},
		{"about a subject within a subject within a subject", eventToken(s.main, nil, about(deep)), auth.BadSubject},
	}
	for _, tt := range tests {
		got, err := s.verifier.SecurityEvent(t.Context(), tt.token, time.Now())
		if auth.ReasonOf(err) != tt.want || err == nil {
			t.Errorf("%s: got %+v, %v; want %s", tt.name, got, err, tt.want)
		}
	}
}

// What an issuer reports gives nobody access, whatever its type says.
func TestAReportIsNoAccessToken(t *testing.T) {
	s := newReporters(t)
	access := authtest.Claims{"aud": authtest.Audience, "exp": time.Now().Unix() + 60, "sub": "ana"}
	for _, token := range []string{
		logoutToken(s.main, nil, access), logoutToken(s.main, authtest.Claims{"typ": "JWT"}, access), logoutToken(s.main, authtest.Claims{"typ": authtest.Absent}, access),
		eventToken(s.main, nil, access), eventToken(s.main, authtest.Claims{"typ": "at+jwt"}, access),
	} {
		if p, err := s.verifier.Verify(t.Context(), auth.Credential{Method: auth.Bearer, Token: token}, time.Now()); auth.ReasonOf(err) != auth.TokenType {
			t.Errorf("got %v, %v; want token_type", p, err)
		}
	}
}

func TestTwoTenantsCannotShareTheAudienceOfReports(t *testing.T) {
	i := authtest.New("https://id.acme.example")
	acme, globex := i.Settings(t, "acme"), i.Settings(t, "globex")
	globex.Audience, globex.Keys = "globex", acme.Keys
	acme.LogoutAudience, globex.LogoutAudience = "client", "client"
	if _, err := jwt.NewVerifier([]jwt.Issuer{acme, globex}, auth.NewSlots(1)); err == nil || !strings.Contains(err.Error(), "logout_audience") {
		t.Errorf("got %v, want the conflict", err)
	}
}
