package presence

import (
	"testing"

	"portcullis/internal/channel"
	"portcullis/internal/tenant"
)

// A key is read as what it was written for, and what is read was written so: no two members have one key, whatever their names.
func FuzzKey(f *testing.F) {
	f.Add("acme", "room:1", "c_1", "presence/acme/cm9vbTox/c_1")
	f.Add("a-b", "a%2Fb:c", "c/1", "presence/acme/cm9vbTox/c/1")
	f.Add("a", "|+=@~", "c", "presence/acme/cm9v\nbTox/c_1")
	f.Add("a", "b", "c", "presence/acme/cm9vbToy/")
	f.Add("a", "b", "", "presence//YQ/c")
	f.Fuzz(func(t *testing.T, id, name, connection, text string) {
		tenantID, err := tenant.Parse(id)
		n, wrong := channel.Parse(name)
		if err == nil && wrong == nil && connection != "" {
			ref := channel.Ref{Tenant: tenantID, Name: n}
			gotRef, gotConnection, err := address(key(ref, connection))
			if err != nil || gotRef != ref || gotConnection != connection {
				t.Errorf("the key of %v %q is read as %v %q: %v", ref, connection, gotRef, gotConnection, err)
			}
		}
		if ref, connection, err := address(text); err == nil && key(ref, connection) != text {
			t.Errorf("%q is read, and written %q", text, key(ref, connection))
		}
	})
}

// Whatever stands in the engine is read without a panic; what is written is read the same.
func FuzzDocument(f *testing.F) {
	f.Add("ana", `{"name":"Ana"}`, []byte(`{"user":"ana","info":{"a":1}}`))
	f.Add("<&>", `"<&>"`, []byte(`{"user":""}`))
	f.Add("", `{`, []byte(`[]`))
	f.Fuzz(func(t *testing.T, user, info string, text []byte) {
		if user, info, err := read(text); err == nil {
			again, infoAgain, err := read(write(user, info))
			if err != nil || again != user {
				t.Errorf("%q %q is read again as %q %q: %v", user, info, again, infoAgain, err)
			}
		}
		_, _, _ = read(write(user, info))
	})
}
