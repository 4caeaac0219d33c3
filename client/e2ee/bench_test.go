package e2ee_test

import (
	"fmt"
	"testing"

	"portcullis/client/e2ee"
)

// benched are ana's and ben's rooms, at the time that it is.
func benched(b *testing.B, more int) (anas, bens *e2ee.Room) {
	b.Helper()
	issuer := believed(b)
	anas, bens = enter(b, ana, room1), enter(b, ben, room1)
	for _, room := range []*e2ee.Room{anas, bens} {
		for _, p := range []person{ana, ben} {
			if err := room.Add(fresh(b, issuer, p)); err != nil {
				b.Fatal(err)
			}
		}
	}
	for n := range more {
		if err := anas.Add(fresh(b, issuer, newPerson(fmt.Sprint("member ", n)))); err != nil {
			b.Fatal(err)
		}
	}
	accept(b, generate(b, anas), bens)
	return anas, bens
}

func BenchmarkSeal(b *testing.B) {
	anas, _ := benched(b, 0)
	plaintext := make([]byte, 1024)
	b.ReportAllocs()
	b.SetBytes(1024)
	for b.Loop() {
		if _, err := anas.Seal(plaintext); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	anas, bens := benched(b, 0)
	plaintext := make([]byte, 1024)
	b.ReportAllocs()
	b.SetBytes(1024)
	for b.Loop() {
		b.StopTimer()
		m := says(b, anas, ana, string(plaintext))
		b.StartTimer()
		if _, err := bens.Open(m); err != nil {
			b.Fatal(err)
		}
	}
}

// What a key for many members costs its distributor.
func BenchmarkGenerate(b *testing.B) {
	for _, members := range []int{10, 1000} {
		b.Run(fmt.Sprint(members), func(b *testing.B) {
			anas, _ := benched(b, members-2)
			b.ReportAllocs()
			for b.Loop() {
				generate(b, anas)
			}
		})
	}
}

// What it costs each of them.
func BenchmarkAccept(b *testing.B) {
	for _, members := range []int{10, 1000} {
		b.Run(fmt.Sprint(members), func(b *testing.B) {
			anas, bens := benched(b, members-2)
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				grant := generate(b, anas)
				b.StartTimer()
				accept(b, grant, bens)
			}
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	issuer, assertion := believed(b), lasting(ben).text()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := issuer.Verify(b.Context(), assertion); err != nil {
			b.Fatal(err)
		}
	}
}
