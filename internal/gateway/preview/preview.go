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
	// GainedSubscriptions would be chosen for those who are connected, as far as their limits allow. Gained names the first thousand.
	GainedSubscriptions int            `json:"gained_subscriptions"`
	Gained              []Subscription `json:"gained"`
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
	return p.LostSubscriptions+p.GainedSubscriptions+p.LostRights+p.GainedRights > 0
}

// Subscription is one that would be lost or gained.
type Subscription struct {
	Connection string `json:"connection"`
	User       string `json:"user"`
	Channel    string `json:"channel"`
	RuleNow    string `json:"rule_now,omitempty"`
	RuleThen   string `json:"rule_then,omitempty"` // of one that is lost the rule that denies; absent where none allows
	// Unchosen says that no rule takes it: it is the tenant's choice now, and is none then.
	Unchosen bool `json:"unchosen,omitempty"`
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
	// Chosen are those of the channels that the tenant chose for it; more says whether it can be told of others.
	Chosen() (names []channel.Name, more bool)
}

// Side is what decides: rules, and whom the tenant subscribes to what.
type Side struct {
	Rules   *acl.Policy // asked directly: a comparison is no decision, and no candidate counts it
	Choices *acl.Choices
}

// chosen are the channels that are chosen for pr and allowed to it.
func (s *Side) chosen(pr *auth.Principal) []channel.Name {
	return slices.DeleteFunc(s.Choices.Of(pr), func(name channel.Name) bool { return !s.Rules.Decide(pr, acl.Subscribe, name).Allowed })
}

// Of compares the policy and the choices that a tenant has with others, for these sessions of that tenant. rules are those of both: their patterns are what users are asked
// about. It makes room for whoever wants to run after
// some questions: deliveries must not stand behind it.
func Of[S Session](now, then Side, rules []acl.Rule, sessions []S) *Preview {
	var rest pause
	p := &Preview{Connections: len(sessions), Lost: []Subscription{}, Gained: []Subscription{}, Rights: []Right{}}
	heard := make(map[channel.Name]int, len(sessions))
	all := newPeople()
	for _, s := range sessions {
		pr, names := s.Principal(), s.Channels()
		p.Subscriptions += len(names)
		rest.after(1)
		for _, name := range names {
			heard[name]++
			rest.after(1)
			if d := then.Rules.Decide(pr, acl.Subscribe, name); !d.Allowed {
				p.lose(s.ID(), pr, name, now.Rules, d)
			}
		}
		if now.Choices != nil || then.Choices != nil {
			p.choices(&now, &then, s, names)
			rest.after(100)
		}
		all.add(pr)
	}
	for _, list := range [][]Subscription{p.Lost, p.Gained} {
		slices.SortFunc(list, func(a, b Subscription) int { return strings.Compare(a.User+" "+a.Channel, b.User+" "+b.Channel) })
	}
	p.rights(now.Rules, then.Rules, all.sorted(), newPlaces(rules, heard))
	return p
}

func (p *Preview) lose(connection string, pr *auth.Principal, name channel.Name, now *acl.Policy, then acl.Decision) {
	p.LostSubscriptions++
	if len(p.Lost) < mostTold {
		p.Lost = append(p.Lost, Subscription{connection, pr.User, name.String(), now.Decide(pr, acl.Subscribe, name).Rule, then.Rule, false})
	}
}

// choices tells what a session would lose because it is not chosen any more, and what would begin because it is: what a reload does.
func (p *Preview) choices(now, then *Side, s Session, has []channel.Name) {
	pr := s.Principal()
	chosen, more := s.Chosen()
	choices := then.Choices.Of(pr)
	for _, name := range chosen {
		d := then.Rules.Decide(pr, acl.Subscribe, name)
		if !d.Allowed || slices.Contains(choices, name) || !slices.Contains(has, name) {
			continue
		}
		if p.LostSubscriptions++; len(p.Lost) < mostTold {
			p.Lost = append(p.Lost, Subscription{s.ID(), pr.User, name.String(), now.Rules.Decide(pr, acl.Subscribe, name).Rule, d.Rule, true})
		}
	}
	if !more {
		return
	}
	before := now.chosen(pr)
	for _, name := range then.chosen(pr) {
		if slices.Contains(before, name) || slices.Contains(has, name) {
			continue
		}
		if p.GainedSubscriptions++; len(p.Gained) < mostTold {
			p.Gained = append(p.Gained, Subscription{s.ID(), pr.User, name.String(), now.Rules.Decide(pr, acl.Subscribe, name).Rule, then.Rules.Decide(pr, acl.Subscribe, name).Rule, false})
		}
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
