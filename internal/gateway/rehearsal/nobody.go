package rehearsal

import (
	"sync"
	"sync/atomic"
	"time"

	"portcullis/internal/auth"
	"portcullis/internal/hub"
	"portcullis/internal/session"
	"portcullis/internal/socket"
	"portcullis/internal/wire"
)

// nobody is the other end of a connection: it says nothing, takes everything, and knows whether it was sent away.
type nobody struct {
	gone      chan struct{} // closed at the end
	once      sync.Once
	dismissed atomic.Bool
}

// Next implements [session.Socket]: it waits for the end.
func (n *nobody) Next() (wire.Opcode, error) {
	<-n.gone
	return 0, socket.ErrGone
}

// Close implements [session.Socket]. A session that was told to end calls it before its Run returns, also where CloseNow came first.
func (n *nobody) Close(wire.Close, time.Duration) {
	n.dismissed.Store(true)
	n.CloseNow()
}

func (n *nobody) CloseNow() { n.once.Do(func() { close(n.gone) }) }

func (*nobody) Payload([]byte, int) ([]byte, error)                  { return nil, socket.ErrGone }
func (*nobody) Send([]byte, int) (socket.Fate, error)                { return socket.Written, nil }
func (*nobody) Deliver(*wire.Parcel, wire.Lane) (socket.Fate, error) { return socket.Written, nil }
func (*nobody) Await()                                               {}
func (*nobody) AwaitOurs(time.Time)                                  {}
func (*nobody) Ping() error                                          { return nil }
func (*nobody) OnPong(func(time.Duration))                           {}
func (*nobody) Traffic() (in, out uint64)                            { return 0, 0 }

// unheard is the observer of sessions of which nothing is counted or told.
type unheard struct{}

var _ session.Observer = unheard{}

func (unheard) Opened(string, string, string, *auth.Principal)        {}
func (unheard) Received(wire.Verb, int)                               {}
func (unheard) Sent(string, int)                                      {}
func (unheard) Refused(wire.Verb, wire.Code)                          {}
func (unheard) Pong(time.Duration)                                    {}
func (unheard) Renewed(string, string, *auth.Principal)               {}
func (unheard) Lost(string, string, *auth.Principal, hub.Ending, int) {}
func (unheard) Closed(*session.Report)                                {}
