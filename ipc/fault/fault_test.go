package fault

import (
	"strings"
	"testing"

	"starling/ipc/envelope"
)

func TestPlansSayWhatThereIs(t *testing.T) {
	for text, want := range map[string]string{
		"linux>nobody map drop":        "no wire linux>nobody; there are: program>linux, program>pager",
		"linux>console shout drop":     "no message on linux>console shout; there are: status, status-answer, write",
		"linux>pager map explode":      "no fault explode; there are: drop, delay, duplicate",
		"kernel>linux timer flip":      "no fault of kernel>linux timer is called flip; there are: delay, duplicate",
		"linux>pager map flip x":       `"x" is no number`,
		"linux>pager":                  "want WIRE MESSAGE FAULT",
		"linux>pager map flip 1 2 3 4": "want WIRE MESSAGE FAULT",
	} {
		if _, err := ParseRule(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestPlansReadWhatTheyWrite(t *testing.T) {
	var text strings.Builder
	text.WriteString("# every rule there can be\n\n")
	var all Plan
	for _, p := range Places {
		for i, k := range p.Kinds {
			r := Rule{p, k, uint64(i), 7 * uint64(i)}
			all = append(all, r)
			text.WriteString(r.String() + "\n")
		}
	}
	got, err := ParsePlan(strings.NewReader(text.String()))
	if err != nil || len(got) != len(all) {
		t.Fatal(len(got), err)
	}
	for i := range all {
		if got[i] != all[i] {
			t.Errorf("%v became %v", all[i], got[i])
		}
	}
	if _, err := ParsePlan(strings.NewReader("\nlinux>pager map\n")); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Error(err)
	}
}

func TestRulesStrikeOnce(t *testing.T) {
	p := Find("linux>pager", "map")
	in := New(Plan{{p, Flip, 2, 0}})
	var struck []int
	for i := range 6 {
		if in.Next(p) != nil {
			struck = append(struck, i)
		}
		in.Next(Find("linux>pager", "unmap"))
	}
	if len(struck) != 1 || struck[0] != 2 || !in.Activated(0) || in.Count(p) != 6 {
		t.Error(struck, in.Count(p))
	}
}

// Damage is always damage: what a receiver opens afterwards is not the message that was sent.
func TestDamage(t *testing.T) {
	for _, p := range Places {
		if p.Class != Request && p.Class != Answer {
			continue
		}
		for _, k := range []Kind{Flip, Field, Truncate, StaleGeneration, StaleSequence} {
			for arg := range uint64(400) {
				var buf [4096]byte
				n := envelope.Seal(buf[:], 72, 3, 9)
				r := Rule{Place: p, Kind: k, Arg: arg}
				n = r.Damage(buf[:], n)
				if _, session, counter, ok := envelope.Open(buf[:], n); ok && session == 3 && counter == 9 {
					t.Fatalf("%v did nothing", r)
				}
			}
		}
	}
}

func TestEveryPlaceSaysWhatMustFollow(t *testing.T) {
	for _, p := range Places {
		for _, k := range p.Kinds {
			if p.How(k) == "" || p.Expect(k).String() == "" || k.Does() == "" {
				t.Errorf("%v %v", p, k)
			}
		}
	}
}
