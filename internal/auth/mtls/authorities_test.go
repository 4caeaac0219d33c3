package mtls_test

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"portcullis/internal/auth"
	"portcullis/internal/auth/mtls"
	"portcullis/internal/tenant"
)

func write(t *testing.T, content []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "acme-ca.pem")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestLoadAuthorities(t *testing.T) {
	ours := root(t, "ours")
	sub := ours.sub(t, "sub")
	text := append([]byte("subject=CN = ours\n"), pemOf(ours.cert, sub.cert)...)
	certs, err := mtls.LoadAuthorities(write(t, append(text, "\n\n"...)), noon)
	if err != nil || len(certs) != 2 || !certs[0].Equal(ours.cert) || !certs[1].Equal(sub.cert) {
		t.Errorf("got %d certificates, %v; want both", len(certs), err)
	}
}

// Caddy CVE-2026-27586: a file that was missing or malformed made the server believe everybody.
func TestAuthoritiesThatCannotBeUsed(t *testing.T) {
	ours := root(t, "ours")
	whole := string(pemOf(ours.cert))
	expired := ours.sub(t, "expired", func(c *x509.Certificate) { c.NotAfter = noon.AddDate(0, 0, -1) })
	crlOnly := ours.sub(t, "lists", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign })
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("secret")})
	tests := []struct {
		name, content string
		want          []string // rule and remedy
	}{
		{"empty", "", []string{"holds no certificate", "put in the PEM"}},
		{"white space", " \n\n", []string{"holds no certificate"}},
		{"garbage", "garbage", []string{"holds no certificate"}},
		{"der", string(ours.cert.Raw), []string{"holds no certificate"}},
		{"half", whole[:len(whole)/2], []string{"one of its 1 PEM blocks", "copy the file again"}},
		{"half, and a whole one behind it", whole[:len(whole)/2] + "\n" + whole, []string{"one of its 2 PEM blocks", "copy the file again"}},
		{"no certificate in the block", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", []string{"block 1", "no certificate", "copy the file again"}},
		{"a private key", whole + string(key), []string{"block 2", "PRIVATE KEY", "take it out"}},
		{"a client's certificate", string(pemOf(ours.leaf(t))), []string{"block 1", "not an authority", "put in the one that signs"}},
		{"an authority for lists alone", string(pemOf(crlOnly.cert)), []string{"not an authority"}},
		{"an expired authority", whole + string(pemOf(expired.cert)), []string{"block 2", "CN=expired", "expired on 2025-12-31T12:00:00Z", "take it out"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			certs, err := mtls.LoadAuthorities(write(t, []byte(tt.content)), noon)
			if err == nil || certs != nil {
				t.Fatalf("got %d certificates, %v; want an error", len(certs), err)
			}
			for _, want := range append(tt.want, "acme-ca.pem") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %q, want it to say %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("%q tells the key", err)
			}
		})
	}
	if _, err := mtls.LoadAuthorities(filepath.Join(t.TempDir(), "none.pem"), noon); err == nil || !strings.Contains(err.Error(), "none.pem\" cannot be read: no such file") {
		t.Errorf("a file that is not there: got %v", err)
	}
}

func TestAuthoritiesThatCannotStandTogether(t *testing.T) {
	ours, theirs := root(t, "ours"), root(t, "theirs")
	sub := ours.sub(t, "sub")
	again := authorityTemplate("ours, renewed")
	again.SubjectKeyId = []byte("another key id")
	renewed := sign(t, again, again, ours.key.Public(), ours.key)
	sameID := authorityTemplate("look-alike")
	sameID.SubjectKeyId = ours.cert.SubjectKeyId
	lookAlike := sign(t, sameID, sameID, theirs.key.Public(), theirs.key)
	unknown := authority(acme, ours.cert)
	unknown.Identity = "cn"
	tests := []struct {
		name        string
		authorities []mtls.Authority
		want        []string // none: they can
	}{
		{"two tenants, two roots", []mtls.Authority{authority(acme, ours.cert), authority(globe, theirs.cert)}, nil},
		{"two tenants below one company", []mtls.Authority{authority(acme, sub.cert), authority(globe, ours.sub(t, "sister").cert)}, nil},
		{"one tenant, an old and a renewed root", []mtls.Authority{authority(acme, ours.cert, renewed)}, nil},
		{"no tenant", nil, nil},
		{"the same root in two tenants", []mtls.Authority{authority(acme, ours.cert), authority(globe, theirs.cert, ours.cert)},
			[]string{"acme", "globe", "CN=ours", "one tenant", "give each tenant one of its own"}},
		{"the same key in two tenants", []mtls.Authority{authority(acme, ours.cert), authority(globe, renewed)}, []string{"same authority"}},
		{"the same key id in two tenants", []mtls.Authority{authority(acme, ours.cert), authority(globe, lookAlike)}, []string{"same authority"}},
		{"the same intermediate in two tenants", []mtls.Authority{authority(acme, ours.cert, sub.cert), authority(globe, theirs.cert, sub.cert)}, []string{"same authority"}},
		{"one below the other", []mtls.Authority{authority(acme, sub.cert), authority(globe, ours.cert)},
			[]string{`"CN=sub" of tenant acme was issued by "CN=ours" of tenant globe`, "give tenant globe a subordinate authority"}},
		{"one tenant twice", []mtls.Authority{authority(acme, ours.cert), authority(acme, theirs.cert)}, []string{"acme has two sets"}},
		{"an empty set", []mtls.Authority{authority(acme)}, []string{"acme: 0 certificates and no root"}},
		{"a circle", []mtls.Authority{authority(acme, ours.cross(t, theirs), theirs.cross(t, ours))}, []string{"2 certificates and no root"}},
		{"no identity", []mtls.Authority{unknown}, []string{`"cn"`, "use uri, spiffe, dns, email or fingerprint"}},
		{"nobody's", []mtls.Authority{authority(tenant.ID{}, ours.cert)}, []string{"authorities need a tenant"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, err := mtls.New(tt.authorities, auth.NewSlots(1))
			if (v == nil) != (err != nil) || (err != nil) != (tt.want != nil) {
				t.Fatalf("got %v, %v", v, err)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %q, want it to say %q", err, want)
				}
			}
		})
	}
}

// crypto/x509 takes nil roots for the system's. Nobody's certificates are believed where nobody has authorities.
func TestNoAuthoritiesAreNotTheSystems(t *testing.T) {
	if _, err := newVerifier(t).Verify(t.Context(), shown(root(t, "ours").leaf(t)), noon); auth.ReasonOf(err) != auth.CertificateUntrusted {
		t.Errorf("got %v, want %s", err, auth.CertificateUntrusted)
	}
}
