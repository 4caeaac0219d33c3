package simulation_test

import (
	"sync/atomic"
	"time"

	"portcullis/internal/acl"
	"portcullis/internal/auth"
	"portcullis/internal/channel"
	"portcullis/internal/hub"
	"portcullis/internal/session"
	"portcullis/internal/wire"
)

// tally adds up what must be nothing at the end, writes down what is told of presence, and forgets the rest.
type tally struct {
	subscriptions, channels, members atomic.Int64
	attendance                       *attendance
}

func (t *tally) Told(notices []*wire.Notice, _, _ int) { t.attendance.tell(notices) }

func (t *tally) Subscriptions(n int) { t.subscriptions.Add(int64(n)) }
func (t *tally) Channels(n int)      { t.channels.Add(int64(n)) }
func (t *tally) Members(n int)       { t.members.Add(int64(n)) }

func (*tally) Decided(acl.Action, acl.Decision)                               {}
func (*tally) Denied(*auth.Principal, acl.Action, channel.Name, acl.Decision) {}
func (*tally) Renewed(string, string, *auth.Principal)                        {}
func (*tally) Unsubscribed(hub.Ending)                                        {}
func (*tally) Recovered(wire.Unrecovered, int)                                {}
func (*tally) Chosen(hub.Chooser, wire.Code)                                  {}
func (*tally) Read(int)                                                       {}
func (*tally) Caught(int, int)                                                {}
func (*tally) Gap(wire.GapReason, int)                                        {}
func (*tally) Dropped(channel.SlowReader, int)                                {}
func (*tally) Delivered(*hub.Batch)                                           {}
func (*tally) Opened(string, string, string, *auth.Principal)                 {}
func (*tally) Received(wire.Verb, int)                                        {}
func (*tally) Sent(string, int)                                               {}
func (*tally) Refused(wire.Verb, wire.Code)                                   {}
func (*tally) Pong(time.Duration)                                             {}
func (*tally) Lost(string, string, *auth.Principal, hub.Ending, int)          {}
func (*tally) Closed(*session.Report)                                         {}
