// Package channel names channels and matches their names.
//
// A name is 1 to [MaxSegments] segments joined by ':', at most [MaxLen] bytes. A segment is 1 to [MaxSegment] bytes of
//
//	A-Z a-z 0-9 - _ . ~ @ + = |
//
// and of %XX, two upper-case hexadecimal digits, for a byte that is none of these. A byte that can stand as itself must,
// so that a name has one spelling and two spellings are two names. Names that begin with '$' are reserved for the gateway.
//
// A [Pattern] is a name in which '*' stands for one whole segment and a last '**' for one or more.
package channel
