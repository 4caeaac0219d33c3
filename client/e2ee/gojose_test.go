package e2ee_test

import (
	"crypto"
	"encoding/json"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"portcullis/client/e2ee"
)

// What go-jose opens and seals: JOSE as somebody else reads the RFCs.

func TestGoJoseOpensWhatIsSealed(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		sealed, err := known(t, ben).Seal([]byte("hello"))
		if err != nil {
			t.Fatal(err)
		}
		envelope, err := jose.ParseEncryptedCompact(sealed, []jose.KeyAlgorithm{jose.DIRECT}, []jose.ContentEncryption{jose.A256GCM})
		if err != nil {
			t.Fatal(err)
		}
		inner, err := envelope.Decrypt(key1)
		if err != nil {
			t.Fatal(err)
		}
		statement, err := jose.ParseSignedCompact(string(inner), []jose.SignatureAlgorithm{jose.EdDSA})
		if err != nil {
			t.Fatal(err)
		}
		plaintext, err := statement.Verify(ben.public())
		if err != nil || string(plaintext) != "hello" {
			t.Errorf("got %q, %v, want hello", plaintext, err)
		}
		header := statement.Signatures[0].Protected
		if got := header.ExtraHeaders["user"]; header.KeyID != ben.signID() || got != "ben" {
			t.Errorf("got kid %q and user %v, want ben's", header.KeyID, got)
		}
		if _, err := statement.Verify(mal.public()); err == nil {
			t.Error("mal's key verifies what ben signed")
		}
	})
}

func TestWhatGoJoseSealsIsOpened(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		cids := known(t, cid)
		options := (&jose.SignerOptions{}).WithType("portcullis-message+jws").WithHeader("kid", ben.signID()).WithHeader("tenant", tenantID).
			WithHeader("channel", room1).WithHeader("user", "ben").WithHeader("key", kidOf(key1)).WithHeader("session", b64(seed("go-jose")[:16])).WithHeader("counter", 1)
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: ben.sign}, options)
		if err != nil {
			t.Fatal(err)
		}
		statement, err := signer.Sign([]byte("hello"))
		if err != nil {
			t.Fatal(err)
		}
		inner := must(statement.CompactSerialize())
		encrypter, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.DIRECT, Key: key1, KeyID: kidOf(key1)},
			(&jose.EncrypterOptions{}).WithContentType("JWS").WithHeader("tenant", tenantID).WithHeader("channel", room1))
		if err != nil {
			t.Fatal(err)
		}
		envelope, err := encrypter.Encrypt([]byte(inner))
		if err != nil {
			t.Fatal(err)
		}
		hears(t, cids, delivered(must(envelope.CompactSerialize()), ben), "hello")
	})
}

func TestGoJoseVerifiesAGrant(t *testing.T) {
	at(t, noon.Unix(), func(t *testing.T) {
		grant, err := jose.ParseSignedCompact(generate(t, enter(t, ana, room1, ben)), []jose.SignatureAlgorithm{jose.EdDSA})
		if err != nil {
			t.Fatal(err)
		}
		payload, err := grant.Verify(ana.public())
		if err != nil {
			t.Fatal(err)
		}
		var said struct {
			Generation uint64
			Members    []struct{ User, Sign, To string }
		}
		if err := json.Unmarshal(payload, &said); err != nil || said.Generation != 1 || len(said.Members) != 2 || said.Members[1].Sign != ben.signID() || said.Members[1].To != ben.agreeID() {
			t.Errorf("got %s, %v", payload, err)
		}
	})
}

// The id of a key is the thumbprint that others compute. (go-jose knows no X25519; the library jose does.)
func TestGoJoseNamesAKeyAlike(t *testing.T) {
	var key jose.JSONWebKey
	if err := key.UnmarshalJSON(must(json.Marshal(must(e2ee.ParseIdentity([]byte(ben.identity()))).Keys()[0]))); err != nil {
		t.Fatal(err)
	}
	if got := b64(must(key.Thumbprint(crypto.SHA256))); got != ben.signID() {
		t.Errorf("got %s, want %s", got, ben.signID())
	}
}
