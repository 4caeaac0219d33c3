package authority_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"testing"
	"time"

	"portcullis/internal/listen/authority"
)

func TestWhatAnAuthorityIssues(t *testing.T) {
	a, err := authority.New("ours")
	if err != nil {
		t.Fatal(err)
	}
	b, err := authority.New("ours")
	if err != nil {
		t.Fatal(err)
	}
	server := authority.Leaf{DNS: []string{"edge.test"}, IPs: []net.IP{net.IPv4(127, 0, 0, 1)}, Server: true}
	client := authority.Leaf{URIs: []string{"spiffe://acme/ana"}, Emails: []string{"ana@acme.example"}, Client: true}
	expired := client
	expired.NotBefore, expired.NotAfter = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
	asServer := func(name string) x509.VerifyOptions {
		return x509.VerifyOptions{Roots: a.Pool(), DNSName: name, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	}
	asClient := x509.VerifyOptions{Roots: a.Pool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	stranger := asClient
	stranger.Roots = b.Pool()
	tests := []struct {
		name string
		leaf authority.Leaf
		as   x509.VerifyOptions
		want bool
	}{
		{"a server by its name", server, asServer("edge.test"), true},
		{"a server by its address", server, asServer("127.0.0.1"), true},
		{"a server by another name", server, asServer("other.test"), false},
		{"a server as a client", server, asClient, false},
		{"a client", client, asClient, true},
		{"a client as a server", client, asServer(""), false},
		{"an expired client", expired, asClient, false},
		{"another authority of the same name", client, stranger, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := a.Issue(tt.leaf)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := p.TLS.Leaf.Verify(tt.as); (err == nil) != tt.want {
				t.Errorf("got %v, want verified %v", err, tt.want)
			}
		})
	}
}

func TestWhatIsWrittenCanBeRead(t *testing.T) {
	a, err := authority.New("ours")
	if err != nil {
		t.Fatal(err)
	}
	p, err := a.Issue(authority.Leaf{Name: "edge", URIs: []string{"spiffe://acme/ana"}, Client: true})
	if err != nil {
		t.Fatal(err)
	}
	read, err := tls.X509KeyPair(p.Certificate, p.Key)
	if err != nil {
		t.Fatal(err)
	}
	if got := read.Leaf; got.Subject.CommonName != "edge" || len(got.URIs) != 1 || got.URIs[0].String() != "spiffe://acme/ana" || got.IsCA {
		t.Errorf("got %s with %v, authority %v; want edge with one URI, no authority", got.Subject, got.URIs, got.IsCA)
	}
	if pool := x509.NewCertPool(); !pool.AppendCertsFromPEM(a.PEM()) || !pool.Equal(a.Pool()) {
		t.Error("the PEM of the authority is not the authority")
	}
	if _, err := a.Issue(authority.Leaf{URIs: []string{"%zz"}}); err == nil {
		t.Error("a URI that is none was issued")
	}
}
