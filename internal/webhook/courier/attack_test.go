package courier_test

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"portcullis/internal/webhook/courier"
)

// resolves answers every question for an address with this one, as somebody does who owns the name, or the resolver.
func resolves(t *testing.T, to *atomic.Pointer[[4]byte]) {
	t.Helper()
	before := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		here, there := net.Pipe()
		go func() { // ends with the question
			defer there.Close()
			var size [2]byte
			if _, err := io.ReadFull(there, size[:]); err != nil {
				return
			}
			question := make([]byte, binary.BigEndian.Uint16(size[:]))
			if _, err := io.ReadFull(there, question); err != nil {
				return
			}
			answer := reply(question, *to.Load())
			_, _ = there.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...))
		}()
		return here, nil
	}}
	t.Cleanup(func() { net.DefaultResolver = before })
}

// reply is the answer of a name server (RFC 1035, section 4) to one question without further records: the address for A, nothing for others.
func reply(question []byte, address [4]byte) []byte {
	end := 12
	for question[end] != 0 {
		end += int(question[end]) + 1
	}
	end += 5
	kind := binary.BigEndian.Uint16(question[end-4:])
	a := append([]byte{question[0], question[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, question[12:end]...)
	if kind == 1 {
		a[7] = 1
		a = append(append(a, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4), address[:]...)
	}
	return a
}

// A name that stood for this machine when the configuration was read stands for another one when it is dialled. Plain http, for which nobody shows a certificate, does not go there: neither the batch nor its signature.
func TestANameThatStandsForAnotherMachineByNow(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	all, err := net.Listen("tcp4", "0.0.0.0:0") // also reached as 0.0.0.0, which is no loopback address
	if err != nil {
		t.Fatal(err)
	}
	server.Listener.Close()
	server.Listener = all
	server.Start()
	defer server.Close()
	_, port, _ := net.SplitHostPort(all.Addr().String())
	var is atomic.Pointer[[4]byte]
	resolves(t, &is)
	is.Store(&[4]byte{127, 0, 0, 1})
	c := to(t, "http://rebound.example:"+port+"/hook", nil)
	if a := c.Bring(t.Context(), "msg_1", []byte("[]")); a.Result != courier.Taken || asked.Load() != 1 {
		t.Fatalf("while it is this machine: got %+v, and %d requests came", a, asked.Load())
	}
	for _, address := range [][4]byte{{0, 0, 0, 0}, {169, 254, 169, 254}, {10, 0, 0, 1}, {192, 0, 2, 1}} {
		c.Rest()
		is.Store(&address)
		a := c.Bring(t.Context(), "msg_2", []byte("[]"))
		if a.Result != courier.Unreachable || !strings.Contains(a.Detail, "is not this machine") || asked.Load() != 1 {
			t.Errorf("%v: got %+v, and %d requests came; want that nobody was dialled", address, a, asked.Load())
		}
	}
}

// A receiver answers with what it was sent, in a form that is no HTTP. What the operator is told of it has none of that.
func TestAReceiverThatPutsPayloadsIntoTheLog(t *testing.T) {
	const said = "what ana said"
	for name, answer := range map[string]string{
		"no HTTP": said + "\r\n\r\n", "a status": "HTTP/1.1 " + said + "\r\n\r\n", "a version": "HTTP/" + said + " 200 OK\r\n\r\n", "a header": "HTTP/1.1 200 OK\r\n" + said + "\r\n\r\n", "a header's name": "HTTP/1.1 200 OK\r\n " + said + ": x\r\n\r\n",
		"a length": "HTTP/1.1 200 OK\r\nContent-Length: " + said + "\r\n\r\n", "an encoding": "HTTP/1.1 200 OK\r\nTransfer-Encoding: " + said + "\r\n\r\n", "a status, in words": "HTTP/1.1 500 " + said + "\r\nContent-Length: 0\r\n\r\n",
		"a pause": "HTTP/1.1 503 No\r\nRetry-After: " + said + "\r\nContent-Length: 0\r\n\r\n", "a place": "HTTP/1.1 302 Found\r\nLocation: http://" + said + "\r\nContent-Length: 0\r\n\r\n",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			_, _ = io.WriteString(conn, answer)
		}))
		if a := to(t, server.URL, nil).Bring(t.Context(), "msg_1", []byte("[]")); a.Result == courier.Taken || a.Detail == "" || strings.Contains(a.Detail, "ana") {
			t.Errorf("%s: got %+v, want what went wrong, and nothing of what was said", name, a)
		}
		server.Close()
	}
}
