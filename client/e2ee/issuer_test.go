package e2ee_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"portcullis/client/e2ee"
)

// keySet is the issuer's key under each of kids.
func keySet(kids ...string) []byte {
	var keys []string
	for _, kid := range kids {
		keys = append(keys, fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","x":"%s","kid":%q}`, b64(issuerEd[32:]), kid))
	}
	return []byte(`{"keys":[` + strings.Join(keys, ",") + "]}")
}

// backend answers for the issuer, inside a bubble, without a network.
type backend struct {
	fetches atomic.Int64
	answer  func(*http.Request) (*http.Response, error)
}

func (b *backend) RoundTrip(r *http.Request) (*http.Response, error) {
	b.fetches.Add(1)
	return b.answer(r)
}

func answers(status int, body string) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Status: http.StatusText(status), Header: make(http.Header), Body: io.NopCloser(strings.NewReader(body))}, nil
	}
}

func remoteIssuer(t testing.TB, b *backend) *e2ee.Issuer {
	t.Helper()
	i, err := e2ee.NewIssuer(e2ee.IssuerOptions{Issuer: issuerID, Tenant: tenantID, URL: issuerID + "/jwks", HTTPClient: &http.Client{Transport: b}})
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func verifies(t testing.TB, i *e2ee.Issuer, kid string) error {
	t.Helper()
	_, err := i.Verify(t.Context(), vouch(ana, 300*day).head(`"ed"`, quote(kid)).text())
	return err
}

func TestKeysAreFetchedOnce(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		b := &backend{answer: answers(200, string(keySet("ed")))}
		i := remoteIssuer(t, b)
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				if err := verifies(t, i, "ed"); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if got := b.fetches.Load(); got != 1 {
			t.Errorf("got %d fetches, want 1", got)
		}
	})
}

// A stranger sends assertions with kids that they made up. The issuer is asked once a minute, and not for what is wrong in a cheaper way.
func TestAFloodOfUnknownKeys(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		b := &backend{answer: answers(200, string(keySet("ed")))}
		i := remoteIssuer(t, b)
		refuse := func(v *vouches, reason e2ee.Reason) {
			_, err := i.Verify(t.Context(), v.text())
			refused(t, err, reason)
		}
		refuse(vouch(ana, -time.Minute), e2ee.Expired)
		refuse(vouch(ana, day).but(issuerID, "https://other.example"), e2ee.Assertion)
		refuse(vouch(ana, day).head("e2ee-key+jwt", "JWT"), e2ee.Assertion)
		refuse(vouch(ana, day).head("EdDSA", "HS256"), e2ee.Assertion)
		if got := b.fetches.Load(); got != 0 {
			t.Fatalf("got %d fetches for what needs none", got)
		}
		for range 121 { // a second each: the fetches of the beginning, of a minute later, and of two
			refuse(vouch(ana, day).head(`"ed"`, `"unknown"`), e2ee.Assertion)
			time.Sleep(time.Second)
		}
		if got := b.fetches.Load(); got != 3 {
			t.Errorf("got %d fetches, want 3", got)
		}
	})
}

func TestANewKeyOfTheIssuer(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		b := &backend{answer: answers(200, string(keySet("ed")))}
		i := remoteIssuer(t, b)
		if err := verifies(t, i, "ed"); err != nil {
			t.Fatal(err)
		}
		b.answer = answers(200, string(keySet("next")))
		refused(t, verifies(t, i, "next"), e2ee.Assertion)
		time.Sleep(time.Minute)
		if err := verifies(t, i, "next"); err != nil {
			t.Error(err)
		}
		refused(t, verifies(t, i, "ed"), e2ee.Assertion)
	})
}

// The issuer took a key back. After an hour it does not count, also where somebody keeps the room from asking.
func TestAKeyThatTheIssuerTookBack(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		b := &backend{answer: answers(200, string(keySet("ed")))}
		i := remoteIssuer(t, b)
		if err := verifies(t, i, "ed"); err != nil {
			t.Fatal(err)
		}
		b.answer = func(*http.Request) (*http.Response, error) { return nil, errors.New("cut off") }
		time.Sleep(time.Hour - time.Second)
		if err := verifies(t, i, "ed"); err != nil {
			t.Errorf("within the hour: %v", err)
		}
		time.Sleep(time.Second)
		refused(t, verifies(t, i, "ed"), e2ee.Assertion)
		refused(t, verifies(t, i, "ed"), e2ee.Assertion)
		if got := b.fetches.Load(); got != 2 {
			t.Errorf("got %d fetches, want 2: a failure is not repeated within a minute", got)
		}
		b.answer = answers(200, string(keySet("ed")))
		time.Sleep(time.Minute)
		if err := verifies(t, i, "ed"); err != nil {
			t.Errorf("after the failure: %v", err)
		}
	})
}

func TestAnswersThatAreNoKeySet(t *testing.T) {
	for name, answer := range map[string]func(*http.Request) (*http.Response, error){
		"a redirect":       redirect,
		"an error":         answers(500, string(keySet("ed"))),
		"no JSON":          answers(200, "<html>"),
		"no keys":          answers(200, `{"keys":[]}`),
		"too much":         answers(200, string(keySet("ed"))+strings.Repeat(" ", 256<<10)),
		"a key twice":      answers(200, string(keySet("ed", "ed"))),
		"a member twice":   answers(200, `{"keys":[],`+string(keySet("ed"))[1:]),
		"no connection":    func(*http.Request) (*http.Response, error) { return nil, errors.New("no route") },
		"a key without id": answers(200, strings.Replace(string(keySet("ed")), `"kid":"ed"`, `"kid":""`, 1)),
	} {
		t.Run(name, func(t *testing.T) {
			at(t, noon.Unix(), func(t *testing.T) {
				refused(t, verifies(t, remoteIssuer(t, &backend{answer: answer}), "ed"), e2ee.Assertion)
			})
		})
	}
}

// redirect sends whoever asks the issuer somewhere else, where the keys of somebody else are.
func redirect(r *http.Request) (*http.Response, error) {
	if r.URL.Path == "/elsewhere" {
		return answers(200, string(keySet("ed")))(r)
	}
	response, err := answers(302, "")(r)
	response.Header.Set("Location", "/elsewhere")
	return response, err
}

func TestAnIssuerThatSaysNothing(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		i := remoteIssuer(t, &backend{answer: func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}})
		from := time.Now()
		refused(t, verifies(t, i, "ed"), e2ee.Assertion)
		if got := time.Since(from); got != 10*time.Second {
			t.Errorf("it waited for %v, want 10s", got)
		}
	})
}

// Whoever gives up costs those who wait nothing, and their error says why.
func TestACallerWhoGivesUp(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		b := &backend{}
		b.answer = func(r *http.Request) (*http.Response, error) {
			select {
			case <-r.Context().Done():
				return nil, r.Context().Err()
			case <-time.After(5 * time.Second):
				return answers(200, string(keySet("ed")))(r)
			}
		}
		i := remoteIssuer(t, b)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var patient error
		var all sync.WaitGroup
		all.Go(func() {
			synctest.Wait() // the other one has begun
			patient = verifies(t, i, "ed")
		})
		_, err := i.Verify(ctx, vouch(ana, day).text())
		refused(t, err, e2ee.Assertion)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the end of the context", err)
		}
		all.Wait()
		if patient != nil {
			t.Errorf("who waits: %v", patient)
		}
	})
}

func TestIssuerOptions(t *testing.T) {
	right := e2ee.IssuerOptions{Issuer: issuerID, Tenant: tenantID, URL: issuerID + "/jwks"}
	for name, c := range map[string]struct {
		change func(*e2ee.IssuerOptions)
		ok     bool
	}{
		"https":                {func(*e2ee.IssuerOptions) {}, true},
		"http on 127.0.0.1":    {func(o *e2ee.IssuerOptions) { o.URL = "http://127.0.0.1:8080/jwks" }, true},
		"http on ::1":          {func(o *e2ee.IssuerOptions) { o.URL = "http://[::1]:8080/jwks" }, true},
		"http on localhost":    {func(o *e2ee.IssuerOptions) { o.URL = "http://localhost/jwks" }, true},
		"http":                 {func(o *e2ee.IssuerOptions) { o.URL = "http://backend.example/jwks" }, false},
		"http on a look-alike": {func(o *e2ee.IssuerOptions) { o.URL = "http://127.0.0.1.backend.example/jwks" }, false},
		"a file":               {func(o *e2ee.IssuerOptions) { o.URL = "file:///etc/jwks" }, false},
		"a password":           {func(o *e2ee.IssuerOptions) { o.URL = "https://a:b@backend.example/jwks" }, false},
		"no address":           {func(o *e2ee.IssuerOptions) { o.URL = "jwks" }, false},
		"no keys":              {func(o *e2ee.IssuerOptions) { o.URL = "" }, false},
		"two kinds of keys":    {func(o *e2ee.IssuerOptions) { o.Keys = keySet("ed") }, false},
		"no issuer":            {func(o *e2ee.IssuerOptions) { o.Issuer = "" }, false},
		"no tenant":            {func(o *e2ee.IssuerOptions) { o.Tenant = "" }, false},
		"keys that are none":   {func(o *e2ee.IssuerOptions) { o.URL, o.Keys = "", []byte("{}") }, false},
	} {
		t.Run(name, func(t *testing.T) {
			o := right
			c.change(&o)
			if _, err := e2ee.NewIssuer(o); (err == nil) != c.ok {
				t.Errorf("got %v, want ok = %v", err, c.ok)
			}
		})
	}
}

// Over a real server, with the client that is used where nobody gives one.
func TestKeysOverHTTP(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write(keySet("ed")) }))
	defer server.Close()
	i, err := e2ee.NewIssuer(e2ee.IssuerOptions{Issuer: issuerID, Tenant: tenantID, URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	v := vouch(ana, 0)
	v.claims = fmt.Sprintf(`{"iss":%q,"sub":"ana","tenant":%q,"iat":%d,"exp":%d,"keys":[%s,%s]}`,
		issuerID, tenantID, time.Now().Unix(), time.Now().Unix()+60, edJWK(ana), xJWK(ana))
	m, err := i.Verify(t.Context(), v.text())
	if err != nil || m.User() != "ana" {
		t.Errorf("got %q, %v, want ana", m.User(), err)
	}
}

// A key set holds keys for other purposes, and weak ones. None of them verifies an assertion, and none keeps the others from it.
func TestKeysThatVerifyNothing(t *testing.T) {
	weak := must(rsa.GenerateKey(rand.Reader, 1024))
	p256, p521 := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)), must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader))
	ed := string(keySet("x"))[len(`{"keys":[`) : len(keySet("x"))-2]
	for name, c := range map[string]struct {
		jwk, alg string
		sign     func([]byte) []byte
	}{
		"for encryption":        {strings.Replace(ed, `"kid"`, `"use":"enc","kid"`, 1), "EdDSA", byEdDSA(issuerEd)},
		"for another algorithm": {strings.Replace(ed, `"kid"`, `"alg":"ES256","kid"`, 1), "EdDSA", byEdDSA(issuerEd)},
		"its private part":      {strings.Replace(ed, `"kid"`, `"d":"AA","kid"`, 1), "EdDSA", byEdDSA(issuerEd)},
		"symmetric":             {fmt.Sprintf(`{"kty":"oct","k":"%s","kid":"x"}`, b64(issuerEd)), "HS256", byHS256(issuerEd)},
		"RSA of 1024 bits":      {strings.Replace(rsaJWK(weak), `"kid":"rsa"`, `"kid":"x"`, 1), "RS256", byRSA(weak, "RS256")},
		"off the curve":         {fmt.Sprintf(`{"kty":"EC","crv":"P-256","kid":"x","x":"%s","y":"%s"}`, b64(seed("x")), b64(seed("y"))), "ES256", byECDSA(p256)},
		"P-256 signs ES384":     {ecJWK(p256, "P-256", "x"), "ES384", byECDSA(p256)},
		"P-521":                 {ecJWK(p521, "P-521", "x"), "ES256", byECDSA(p521)},
		"on X25519":             {strings.Replace(ed, "Ed25519", "X25519", 1), "EdDSA", byEdDSA(issuerEd)},
	} {
		t.Run(name, func(t *testing.T) {
			at(t, noon.Unix(), func(t *testing.T) {
				keys := strings.Replace(string(keySet("ed")), `[`, "["+c.jwk+",", 1)
				i, err := e2ee.NewIssuer(e2ee.IssuerOptions{Issuer: issuerID, Tenant: tenantID, Keys: []byte(keys)})
				if err != nil {
					t.Fatal(err)
				}
				v := vouch(ana, day).head("EdDSA", c.alg).head(`"ed"`, `"x"`)
				v.sign = c.sign
				_, err = i.Verify(t.Context(), v.text())
				refused(t, err, e2ee.Assertion)
				if err := verifies(t, i, "ed"); err != nil {
					t.Errorf("the other key: %v", err)
				}
			})
		})
	}
}

// An ECDSA signature in a JWS is two numbers of one length (RFC 7518, section 3.4), and not what libraries of certificates write.
func TestSignaturesOfAnotherLength(t *testing.T) {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	for name, change := range map[string]func([]byte) []byte{
		"none":         func([]byte) []byte { return nil },
		"one byte":     func(b []byte) []byte { return b[:1] },
		"63 bytes":     func(b []byte) []byte { return b[:63] },
		"65 bytes":     func(b []byte) []byte { return append([]byte{0}, b...) },
		"a zero more":  func(b []byte) []byte { return append(b, 0) },
		"zeros":        func([]byte) []byte { return make([]byte, 64) },
		"the hash DER": func([]byte) []byte { return must(ecdsa.SignASN1(rand.Reader, key, seed("x"))) },
	} {
		t.Run(name, func(t *testing.T) {
			at(t, noon.Unix(), func(t *testing.T) {
				i, err := e2ee.NewIssuer(e2ee.IssuerOptions{Issuer: issuerID, Tenant: tenantID, Keys: []byte(`{"keys":[` + ecJWK(key, "P-256", "x") + "]}")})
				if err != nil {
					t.Fatal(err)
				}
				v := vouch(ana, day).head("EdDSA", "ES256").head(`"ed"`, `"x"`)
				v.sign = func(input []byte) []byte { return change(byECDSA(key)(input)) }
				_, err = i.Verify(t.Context(), v.text())
				refused(t, err, e2ee.Assertion)
			})
		})
	}
}

// Ed25519 is the newer name of what EdDSA means here (RFC 9864).
func TestAKeyThatSaysEd25519(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		keys := strings.Replace(string(keySet("ed")), `"kid"`, `"alg":"Ed25519","kid"`, 1)
		i, err := e2ee.NewIssuer(e2ee.IssuerOptions{Issuer: issuerID, Tenant: tenantID, Keys: []byte(keys)})
		if err != nil {
			t.Fatal(err)
		}
		if err := verifies(t, i, "ed"); err != nil {
			t.Error(err)
		}
	})
}
