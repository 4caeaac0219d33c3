package blackbox_test

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"portcullis/internal/auth/authtest"
	"portcullis/internal/listen/authority"
)

// claims add to a token's claims or replace them; one that is absent is left out.
type claims = authtest.Claims

var absent = authtest.Absent

// roles are the claim that rules look at.
func roles(names ...string) claims { return claims{"roles": names} }

// party is a tenant with all that speaks for it.
type party struct {
	id, origin string
	audience   string
	issuer     *authtest.Issuer
	partner    *authtest.Issuer // its users stand behind "partner|"
	authority  *authority.Authority
	strange    *certifier // an authority of this tenant's that also issues what no proper one would
}

// The two tenants of every gateway here. Their rules name the same channels.
var (
	acme   = newParty("acme")
	globex = newParty("globex")
	// broker is an issuer that both believe, each under its own audience. Its users stand behind "broker|".
	broker = authtest.New("https://id.broker.example")
	// stranger is an issuer, and strangers an authority, that nobody believes.
	stranger  = authtest.New("https://id.stranger.example")
	strangers = must(authority.New("strangers"))
	// house issues the gateways' own certificates.
	house = must(authority.New("house"))
)

func newParty(id string) *party {
	return &party{
		id: id, origin: "https://app." + id + ".example", audience: "portcullis-" + id,
		issuer:    authtest.New("https://id." + id + ".example"),
		partner:   authtest.New("https://partner." + id + ".example"),
		authority: must(authority.New(id + " clients")),
		strange:   newCertifier(id + " oddities"),
	}
}

// token returns a token of the tenant's own issuer, good for an hour unless claims say otherwise.
func (p *party) token(user string, more ...claims) string { return p.tokenOf(p.issuer, user, more...) }

// tokenOf returns a token of some issuer for this tenant's audience.
func (p *party) tokenOf(i *authtest.Issuer, user string, more ...claims) string {
	return secret(i.Token(user, append([]claims{{"aud": p.audience}}, more...)...))
}

// signed returns a token whose header and claims are the tenant's usual ones but for these.
func (p *party) signed(header claims, more ...claims) string {
	return secret(p.issuer.Sign(header, p.claims(more...)))
}

// claims returns what a token for ana says.
func (p *party) claims(more ...claims) claims {
	all := claims{"iss": p.issuer.URL, "sub": "ana", "aud": p.audience, "iat": now(), "exp": now() + 3600}
	for _, c := range more {
		for k, v := range c {
			all[k] = v
		}
	}
	return all
}

// certificate returns a client certificate whose user is cert|spiffe://ID.example/NAME.
func (p *party) certificate(t *testing.T, name string, change ...func(*authority.Leaf)) tls.Certificate {
	t.Helper()
	return issue(t, p.authority, fmt.Sprintf("spiffe://%s.example/%s", p.id, name), change...)
}

func issue(t *testing.T, a *authority.Authority, uri string, change ...func(*authority.Leaf)) tls.Certificate {
	t.Helper()
	leaf := authority.Leaf{Name: "a client", URIs: []string{uri}, Client: true}
	for _, c := range change {
		c(&leaf)
	}
	pair, err := a.Issue(leaf)
	if err != nil {
		t.Fatal(err)
	}
	return pair.TLS
}

// options are how a gateway differs from the usual one. Texts are YAML, one entry a line.
type options struct {
	tls    bool   // with a certificate of house for 127.0.0.1 and localhost
	secure string // entries of listen.tls besides its files
	listen string // entries of listen
	admin  string // entries of admin
	drain  string // entries of drain; without any there is no delay
	// admission are the entries of admission; without any strangers are not limited, for all clients of the suite come from one address.
	admission string
	engine    string // entries of broker
	proxy     string // entries of proxy; files of it stand in tenants/
	metrics   string // entries of metrics
	limits    string // entries of limits, of the node
	level     string // of the log; debug where there is none
	// core is the one core that the gateway runs on, where it is to leave others alone.
	core string
	// watch takes what is written into the folder by itself; mounted puts the tenants there as Kubernetes does.
	watch, mounted bool
	// Of each tenant.
	acme, globex tenantOptions
	// adminToken asks for this token on the admin listener.
	adminToken string
	// files are further files in the folder of tenants, by name.
	files map[string][]byte
}

type tenantOptions struct {
	limits  string // entries of limits, which are high enough not to be met unless a test wants to
	rules   string // items of rules, behind the usual ones
	issuers string // items of issuers, behind the usual ones
	// certificates are the entries of certificates; without any they are those of the tenant's two authorities, by URI.
	certificates string
	more         string // further keys
}

// usualLimits keep tests that are not about limits from meeting them.
const usualLimits = `connections_per_user: unlimited
messages_per_second: unlimited
messages_per_second_per_user: unlimited`

const usualAdmission = `connections: unlimited
connections_per_address: unlimited
connections_per_second_per_address: unlimited
failures_per_minute_per_address: unlimited`

// usualRules are the same for both tenants, so that only the wall between them can tell their channels apart.
const usualRules = `
- { name: everyone measures, allow: [echo], channels: ["lab:**"] }
- { name: probers use the mirror, allow: [echo], channels: [echo], for: { roles: [prober] } }
- { name: members talk in rooms, allow: [subscribe, publish, echo], channels: ["room:**"], for: { roles: [member] } }
- { name: a user's own inbox, allow: [subscribe], channels: ["user:{user}:**"] }
- { name: members write to inboxes, allow: [publish], channels: ["user:*:**"], for: { roles: [member] } }
- { name: machines report, allow: [publish, subscribe], channels: ["telemetry:**"], for: { certificate: true } }
- { name: nobody publishes on ops, deny: [publish], channels: ["ops:**", "room:ops:**"], unless: { roles: [operator] } }
- { name: operators do, allow: [publish, subscribe], channels: ["ops:**"], for: { roles: [operator] } }
`

// write makes a folder that serve runs, and returns its main file.
func (o options) write(t *testing.T, folder string) string {
	t.Helper()
	put := func(name, text string) {
		t.Helper()
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	door := "plaintext: true\n"
	if o.tls {
		door = "tls:\n" + indent("certificate_file: tls.crt\nkey_file: tls.key\n"+o.secure)
		pair := serverPair(t)
		put("tls.crt", string(pair.Certificate))
		put("tls.key", string(pair.Key))
	}
	admin := "address: 127.0.0.1:0\n" + o.admin
	if o.adminToken != "" {
		admin += "\ntoken_file: admin-token\n"
		put("admin-token", o.adminToken+"\n")
	}
	drain := o.drain
	if drain == "" {
		drain = "delay: 0s"
	}
	engine := ""
	if o.engine != "" {
		engine = "broker:\n" + indent(o.engine)
	}
	if o.proxy != "" {
		engine += "proxy:\n" + indent(o.proxy)
	}
	if o.limits != "" {
		engine += "limits:\n" + indent(o.limits)
	}
	if o.metrics != "" {
		engine += "metrics:\n" + indent(o.metrics)
	}
	admission := o.admission
	if admission == "" {
		admission = usualAdmission
	}
	put("portcullis.yaml", "listen:\n"+indent("address: 127.0.0.1:0\n"+door+o.listen)+"admin:\n"+indent(admin)+"drain:\n"+indent(drain)+
		"admission:\n"+indent(admission)+"log: { format: json, level: "+cmp.Or(o.level, "debug")+" }\ntenants_dir: tenants\n"+fmt.Sprintf("reload: { watch: %v }\n", o.watch)+engine)
	put("tenants/broker-jwks.json", string(broker.JWKS()))
	for p, own := range map[*party]tenantOptions{acme: o.acme, globex: o.globex} {
		put("tenants/"+p.id+".yaml", p.file(own))
		put("tenants/"+p.id+"-jwks.json", string(p.issuer.JWKS()))
		put("tenants/"+p.id+"-partner-jwks.json", string(p.partner.JWKS()))
		put("tenants/"+p.id+"-ca.pem", string(p.authority.PEM())+string(p.strange.PEM()))
	}
	for name, text := range o.files {
		put("tenants/"+name, string(text))
	}
	if o.mounted {
		mount(t, filepath.Join(folder, "tenants"))
	}
	return filepath.Join(folder, "portcullis.yaml")
}

// file is the tenant's file. The leeway of clocks is short, so that tests can wait for an end.
func (p *party) file(o tenantOptions) string {
	limits := usualLimits
	for line := range strings.Lines(o.limits) { // a key stands only once
		key, _, _ := strings.Cut(strings.TrimSpace(line), ":")
		kept := ""
		for usual := range strings.Lines(limits) {
			if !strings.HasPrefix(usual, key+":") {
				kept += usual
			}
		}
		limits = strings.TrimSpace(kept) + "\n" + strings.TrimSpace(line)
	}
	certificates := o.certificates
	if certificates == "" {
		certificates = fmt.Sprintf("authorities_file: %s-ca.pem\nidentity: uri", p.id)
	}
	return fmt.Sprintf(`id: %[1]s
origins: [%[2]q]
issuers:
  - { issuer: %[3]q, audience: %[4]s, jwks_file: %[1]s-jwks.json, leeway: 1s }
  - { issuer: %[5]q, audience: %[4]s, jwks_file: %[1]s-partner-jwks.json, leeway: 1s, prefix: "partner|" }
  - { issuer: %[6]q, audience: %[4]s, jwks_file: broker-jwks.json, leeway: 1s, prefix: "broker|" }
%[10]scertificates:
%[11]slimits:
%[7]srules:
%[8]s%[9]s
`, p.id, p.origin, p.issuer.URL, p.audience, p.partner.URL, broker.URL, indent(limits), indent(usualRules+o.rules), o.more, indent(o.issuers), indent(certificates))
}

// serverPair returns a new certificate for a gateway on this machine.
func serverPair(t *testing.T) *authority.Pair {
	t.Helper()
	pair, err := house.Issue(authority.Leaf{
		Name: "a gateway", DNS: []string{"localhost"}, IPs: []net.IP{net.IPv4(127, 0, 0, 1)}, Server: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// trust returns the TLS of a client that believes house, and shows these certificates when it is asked.
func trust(certificates ...tls.Certificate) *tls.Config {
	return &tls.Config{RootCAs: house.Pool(), ServerName: "localhost", Certificates: certificates}
}

// leafOf returns the client's own certificate of a chain.
func leafOf(t *testing.T, c tls.Certificate) *x509.Certificate {
	t.Helper()
	leaf, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}

func indent(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) != "" {
			b.WriteString("  " + strings.TrimRight(line, "\n") + "\n")
		}
	}
	return b.String()
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
