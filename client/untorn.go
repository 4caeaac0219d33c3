package client

import (
	"errors"
	"io"
	"net/http"
)

// untorn makes handshakes whose connection never ends with io.EOF. The library returns a message whose connection ends so inside a frame as if it were
// whole (v1.8.15, msgReader.Read), and half a message would be taken for a server that breaks the protocol.
type untorn struct{ http.RoundTripper }

func (u untorn) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := u.RoundTripper.RoundTrip(r)
	if err != nil || answer.StatusCode != http.StatusSwitchingProtocols {
		return answer, err
	}
	if stream, ok := answer.Body.(io.ReadWriteCloser); ok {
		answer.Body = endless{stream}
	}
	return answer, nil
}

// endless is a connection that does not end but breaks.
type endless struct{ io.ReadWriteCloser }

func (e endless) Read(p []byte) (int, error) {
	n, err := e.ReadWriteCloser.Read(p)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
