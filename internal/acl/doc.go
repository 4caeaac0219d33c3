// Package acl decides what a principal may do on which channel of its tenant, by rules that the tenant's operator wrote.
//
// Nothing is allowed that no rule allows, and a rule that denies wins over every rule that allows, whatever their order.
// A decision names its rule: the first in the order of the file among those that decide. The name is for operators, never for clients.
//
// [Compile] turns rules into a [Policy], which never changes: a session may ask it at any time, from any goroutine. The policy's
// own tests ([Policy.RunTests]) are run by whoever loads it.
//
// # What a template means
//
// A rule's channel is a [channel.Pattern] in which {user}, {tenant} and {claim.NAME} also stand for one whole segment: the
// value, written by [channel.Segment], so that no value reaches another segment or becomes a wildcard. A value that does not exist
// matches no channel at all: a claim that is missing, empty or has several values, and a value too long for a segment. That holds
// for rules that deny as well: a deny on "org:{claim.org}:**" says nothing about principals without an org. To keep those
// out, deny "org:**" unless something, or allow no more than is meant.
//
// # What a decision costs
//
// Patterns are a tree by segments. A decision goes down it once, along the literal, the '*' and the templates that match at every
// step. It visits a node at most once, so that the worst name under the worst patterns costs all nodes, at most 16 for each
// pattern, some 25 ns each: 0.2 ms for a thousand patterns of 16 segments that differ only in their stars. Where many rules
// end at one pattern, those for certain users, roles, scopes or claims are looked up by what the principal has;
// the others are gone through. So the cost follows the rules that match the channel and might concern the principal, and
// not the number of rules. Nothing is allocated.
package acl
