package mm

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"starling/arch/isa"
	"starling/ipc"
)

// book makes a space that is a book only: no pager is asked before Commit.
func book() *Space {
	id := uint64(0)
	m := &Manager{Random: func(n uint64) uint64 { return 0 }, NewID: func() uint64 { id++; return id }}
	return m.New(8<<20, false)
}

func (s *Space) check(t interface{ Fatalf(string, ...any) }) {
	total := uint64(0)
	for i := range s.regions {
		r := &s.regions[i]
		if r.Start >= r.End || (r.Start|r.End)&pageMask != 0 {
			t.Fatalf("region %d: %#x-%#x", i, r.Start, r.End)
		}
		if i > 0 && s.regions[i-1].End > r.Start {
			t.Fatalf("regions %d and %d overlap", i-1, i)
		}
		if i > 0 && s.regions[i-1].continues(r) {
			t.Fatalf("regions %d and %d should be one: %#x-%#x-%#x", i-1, i, s.regions[i-1].Start, r.Start, r.End)
		}
		total += r.pages()
	}
	if total != s.total {
		t.Fatalf("%d pages in regions, %d counted", total, s.total)
	}
}

// TestBookAgainstModel maps and removes at random places and compares with one access
// per page.
func TestBookAgainstModel(t *testing.T) {
	const base, pages = isa.MinimumAddress, 64
	rapid.Check(t, func(t *rapid.T) {
		s := book()
		var model [pages]int // 0: nothing, else access + 1
		t.Repeat(map[string]func(*rapid.T){
			"map": func(t *rapid.T) {
				at := rapid.IntRange(0, pages-1).Draw(t, "at")
				n := rapid.IntRange(1, pages-at).Draw(t, "n")
				access := ipc.Access(rapid.IntRange(0, 7).Draw(t, "access"))
				q := Request{Address: base + uint64(at)*pageSize, Length: uint64(n) * pageSize, Access: access, Fixed: true}
				if _, e := s.Map(&q, nil); e != 0 {
					t.Fatalf("map: %v", e)
				}
				for i := at; i < at+n; i++ {
					model[i] = int(access) + 1
				}
			},
			"remove": func(t *rapid.T) {
				at := rapid.IntRange(0, pages-1).Draw(t, "at")
				n := rapid.IntRange(1, pages-at).Draw(t, "n")
				s.clearRange(base+uint64(at)*pageSize, base+uint64(at+n)*pageSize)
				for i := at; i < at+n; i++ {
					model[i] = 0
				}
			},
			"": func(t *rapid.T) {
				s.check(t)
				for i, want := range model {
					r := s.Find(base + uint64(i)*pageSize + 17)
					if got := 0; r == nil {
						if want != got {
							t.Fatalf("page %d: nothing there", i)
						}
					} else if int(r.Access)+1 != want {
						t.Fatalf("page %d: access %d, want %d", i, r.Access, want-1)
					}
				}
			},
		})
	})
}

// Mappings without an address go as high as they fit, never onto each other, and
// leave the guard below a stack alone.
func TestGap(t *testing.T) {
	s := book()
	if e := s.MapStack(pageSize, 8<<20, 8<<20, false); e != 0 {
		t.Fatal(e)
	}
	stack := s.regions[0]
	last := s.mapBase
	for i := range 100 {
		q := Request{Length: uint64(i+1) * pageSize, Access: ipc.Access(i % 8)}
		at, e := s.Map(&q, nil)
		if e != 0 {
			t.Fatal(e)
		}
		if at+q.Length > last {
			t.Fatalf("mapping %d at %#x reaches over %#x", i, at, last)
		}
		last = at
	}
	s.check(t)
	if s.free(stack.Start-guardGap, guardGap) {
		t.Error("the guard below the stack counts as free")
	}
	hole := s.regions[10]
	s.clearRange(hole.Start, hole.End)
	q := Request{Length: hole.Len(), Access: hole.Access ^ ipc.Write}
	if at, e := s.Map(&q, nil); e != 0 || at < hole.Start {
		t.Errorf("hole at %#x not used: %#x %v", hole.Start, at, e)
	}
}

func TestRefusals(t *testing.T) {
	s := book()
	lim := Limits{Address: 64 << 10, Data: ^uint64(0), Stack: 8 << 20, Lock: 8 << 10}
	for _, x := range []struct {
		q    Request
		want string
	}{
		{Request{}, "invalid argument"},
		{Request{Length: 1 << 62}, "cannot allocate memory"},
		{Request{Length: pageSize, Address: 123, Fixed: true}, "invalid argument"},
		{Request{Length: pageSize, Address: pageSize, Fixed: true}, "operation not permitted"},
		{Request{Length: 2 * pageSize, Address: isa.TaskSize - pageSize, Fixed: true}, "cannot allocate memory"},
		{Request{Length: 128 << 10}, "cannot allocate memory"},
		{Request{Length: 16 << 10, Flags: Locked}, "resource temporarily unavailable"},
		{Request{Length: pageSize, Offset: ^uint64(0) &^ pageMask}, "value too large for defined data type"},
	} {
		if _, e := s.Map(&x.q, &lim); fmt.Sprint(e) != x.want {
			t.Errorf("%+v: %v, want %s", x.q, e, x.want)
		}
	}
}
