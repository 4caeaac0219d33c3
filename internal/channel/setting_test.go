package channel_test

import (
	"fmt"
	"testing"

	"portcullis/internal/channel"
)

func pattern(t testing.TB, text string) channel.Pattern {
	t.Helper()
	p, err := channel.ParsePattern(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// settings gives each pattern the history of its place in the list.
func settings(t testing.TB, patterns ...string) *channel.Settings {
	t.Helper()
	list := make([]channel.Matched, len(patterns))
	for i, text := range patterns {
		list[i] = channel.Matched{Pattern: pattern(t, text), Setting: channel.Setting{History: channel.History{Messages: i + 1}}}
	}
	return channel.NewSettings(list)
}

func TestTheFirstSettingThatMatchesCounts(t *testing.T) {
	s := settings(t, "room:vip", "*:vip:**", "room:*", "lab:**", "**", "lab:rtt")
	for name, want := range map[string]int{
		"room:vip":       1,
		"room:vip:table": 2,
		"room:1":         3,
		"room:1:side":    5,
		"lab:rtt":        4,
		"lab:vip:1":      2,
		"news":           5,
	} {
		if got := s.Of(channel.MustParse(name)).History.Messages; got != want {
			t.Errorf("%s has setting %d, want %d", name, got, want)
		}
	}
}

func TestAChannelWithoutASettingDoesNothingMore(t *testing.T) {
	for name, s := range map[string]*channel.Settings{"none are set": nil, "an empty list": settings(t), "others are set": settings(t, "room:*")} {
		if got := s.Of(channel.MustParse("news:1")); got == nil || *got != (channel.Setting{}) || got.History.Kept() {
			t.Errorf("%s: got %+v, want the zero setting", name, got)
		}
		if got := s.Of(channel.Name{}); *got != (channel.Setting{}) {
			t.Errorf("%s, no name: got %+v, want the zero setting", name, got)
		}
	}
	if got := channel.NewSettings([]channel.Matched{{Setting: channel.Setting{History: channel.History{Messages: 1}}}}).Of(channel.Name{}); got.History.Kept() {
		t.Errorf("the pattern that matches nothing gave no name the setting %+v", got)
	}
}

// Whatever one pattern covers the other's names are matched by it too; and where it says no, a name shows why.
func TestCovers(t *testing.T) {
	patterns := []string{"a", "b", "*", "**", "a:b", "a:*", "*:b", "*:*", "a:**", "*:**", "a:b:c", "a:*:c", "a:*:**", "a:b:**", "**"}
	var names []channel.Name
	for _, text := range []string{"a", "b", "x", "a:b", "a:x", "x:b", "x:x", "a:b:c", "a:x:c", "a:b:x", "a:x:x", "x:x:x", "a:b:c:d", "a:x:x:x", "x:x:x:x"} {
		names = append(names, channel.MustParse(text))
	}
	for _, wide := range patterns {
		for _, narrow := range patterns {
			want := true
			for _, n := range names {
				want = want && (pattern(t, wide).Match(n) || !pattern(t, narrow).Match(n))
			}
			if got := pattern(t, wide).Covers(pattern(t, narrow)); got != want {
				t.Errorf("%s covers %s: got %v, want %v", wide, narrow, got, want)
			}
		}
	}
	if (channel.Pattern{}).Covers(pattern(t, "a")) || pattern(t, "a").Covers(channel.Pattern{}) {
		t.Error("the pattern that matches nothing covers or is covered")
	}
}

func TestALookUpAllocatesNothing(t *testing.T) {
	s, n := settings(t, "room:vip", "room:*", "**"), channel.MustParse("room:1")
	if got := testing.AllocsPerRun(100, func() { s.Of(n) }); got != 0 {
		t.Errorf("got %v allocations, want 0", got)
	}
}

// Settings of other channels cost nothing.
func BenchmarkSettingOf(b *testing.B) {
	for _, others := range []int{0, 10, 1000} {
		b.Run(fmt.Sprint(others, " others"), func(b *testing.B) {
			patterns := []string{"room:*"}
			for i := range others {
				patterns = append(patterns, fmt.Sprintf("kind%d:*", i))
			}
			s, n := settings(b, patterns...), channel.MustParse("room:1")
			b.ReportAllocs()
			for b.Loop() {
				s.Of(n)
			}
		})
	}
}
