// Package preview tells what other rules would do to those who are connected, before anybody puts them to use. It asks, and changes nothing.
package preview

import (
	"runtime"
	"slices"
	"strings"

	"portcullis/internal/acl"
	"portcullis/internal/auth"
	"portcullis/internal/channel"
)

const (
	// mostTold is how many entries of each list are told. All are counted.
	mostTold = 1000
	// mostAsked is about how many questions are asked about rights, by both policies each: some tenths of a second of one core.
	mostAsked = 1_000_000
	// fewestNames and mostNames bound on how many channels each user is asked about.
	fewestNames = 10
	mostNames   = 1000
)

// Preview is what would change for a tenant's connections of one node.
type Preview struct {
	Tenant string `json:"tenant"`
	// New is set of a tenant that the node does not have: by whoever asked for it.
	New           bool `json:"new,omitempty"`
	Connections   int  `json:"connections"`
	Subscriptions int  `json:"subscriptions"`
	// LostSubscriptions would be unsubscribed at once: this is certain. Lost names the first thousand.
	LostSubscriptions int            `json:"lost_subscriptions"`
	Lost              []Subscription `json:"lost"`
	// LostRights and GainedRights are what users might do on the channels that they were asked about. Rights names the first thousand.
	LostRights   int     `json:"lost_rights"`
	GainedRights int     `json:"gained_rights"`
	Rights       []Right `json:"rights"`
	// Users is how many different users, by what rules see of them, were asked about, and Channels on how many channels each at most; Unasked is how many users and channels of
	// subscriptions were left out, because that would be too many questions.
	Users           int `json:"users"`
	Channels        int `json:"channels"`
	UnaskedUsers    int `json:"unasked_users"`
	UnaskedChannels int `json:"unasked_channels"`
}

// Changes reports whether anything would change, as far as was asked.
func (p *Preview) Changes() bool {
	return p.LostSubscriptions+p.LostRights+p.GainedRights > 0
}

// Subscription is one that would be lost.
type Subscription struct {
	Connection string `json:"connection"`
	User       string `json:"user"`
	Channel    string `json:"channel"`
	RuleNow    string `json:"rule_now"`
	RuleThen   string `json:"rule_then,omitempty"` // that denies; absent where none allows
}

// Right is one that a connected user would lose or gain.
type Right struct {
	User     string `json:"user"`
	Action   string `json:"action"`
	Channel  string `json:"channel,omitempty"` // absent for manage
	Gained   bool   `json:"gained"`
	RuleNow  string `json:"rule_now,omitempty"`
	RuleThen string `json:"rule_then,omitempty"`
}

// Session is the part of a live session that is asked about.
type Session interface {
	ID() string
	Principal() *auth.Principal
	Channels() []channel.Name
}

// Of compares the policy that a tenant has with another one, for these sessions of that tenant. rules are those of both: their patterns are what users are asked
// about. It makes room for whoever wants to run after
// some questions: deliveries must not stand behind it.
func Of[S Session](now, then *acl.Policy, rules []acl.Rule, sessions []S) *Preview {
	var rest pause
	p := &Preview{Connections: len(sessions), Lost: []Subscription{}, Rights: []Right{}}
	heard := make(map[channel.Name]int, len(sessions))
	all := newPeople()
	for _, s := range sessions {
		pr, names := s.Principal(), s.Channels()
		p.Subscriptions += len(names)
		rest.after(1)
		for _, name := range names {
			heard[name]++
			rest.after(1)
			if d := then.Decide(pr, acl.Subscribe, name); !d.Allowed {
				p.lose(s.ID(), pr, name, now, d)
			}
		}
		all.add(pr)
	}
	slices.SortFunc(p.Lost, func(a, b Subscription) int { return strings.Compare(a.User+" "+a.Channel, b.User+" "+b.Channel) })
	p.rights(now, then, all.sorted(), newPlaces(rules, heard))
	return p
}

func (p *Preview) lose(connection string, pr *auth.Principal, name channel.Name, now *acl.Policy, then acl.Decision) {
	p.LostSubscriptions++
	if len(p.Lost) < mostTold {
		p.Lost = append(p.Lost, Subscription{connection, pr.User, name.String(), now.Decide(pr, acl.Subscribe, name).Rule, then.Rule})
	}
}

// rights asks what people may do on the places, as far as the number of questions allows: everybody is asked about the same number.
func (p *Preview) rights(now, then *acl.Policy, people []*auth.Principal, at *places) {
	const each = mostAsked / (fewestNames * 5) // five actions are on channels
	if len(people) > each {
		p.UnaskedUsers = len(people) - each
		people = people[:each]
	}
	p.Users = len(people)
	if p.Users == 0 {
		return
	}
	most := min(mostNames, max(fewestNames, mostAsked/(p.Users*5)))
	var rest pause
	for _, pr := range people {
		names, left := at.of(pr, most)
		p.Channels, p.UnaskedChannels = max(p.Channels, len(names)), max(p.UnaskedChannels, left)
		for c := range acl.Diff(now, then, []*auth.Principal{pr}, names) {
			p.right(&c)
		}
		rest.after(5 * len(names))
	}
}

// pause makes room for others.
type pause struct{ asked int }

// after counts questions, and lets others run once there were some ten microseconds of them.
func (p *pause) after(questions int) {
	if p.asked += questions; p.asked >= 200 {
		p.asked = 0
		runtime.Gosched()
	}
}

func (p *Preview) right(c *acl.Change) {
	if c.Gained() {
		p.GainedRights++
	} else {
		p.LostRights++
	}
	if len(p.Rights) < mostTold {
		p.Rights = append(p.Rights, Right{c.Principal.User, c.Action.String(), c.Channel.String(), c.Gained(), c.Old.Rule, c.New.Rule})
	}
}
