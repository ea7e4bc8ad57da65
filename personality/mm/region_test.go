package mm

import (
	"fmt"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"starling/arch/isa"
	"starling/ipc"
)

// bookOnly makes a space that is a book only: no pager is asked before Commit.
func bookOnly() *Space {
	id := uint64(0)
	m := &Manager{Random: func(n uint64) uint64 { return 0 }, NewID: func() uint64 { id++; return id }}
	return m.New(8<<20, false)
}

func (s *Space) check(t interface{ Fatalf(string, ...any) }) {
	total, count := uint64(0), 0
	var last *node
	for n := s.book.first; n != nil; n = n.next {
		if n.Start >= n.End || (n.Start|n.End)&pageMask != 0 {
			t.Fatalf("region %d: %#x-%#x", count, n.Start, n.End)
		}
		if n.prev != last {
			t.Fatalf("region %d is not linked with the one before", count)
		}
		low := uint64(isa.MinimumAddress)
		if last != nil {
			low = last.End
			if last.End > n.Start {
				t.Fatalf("regions %d and %d overlap", count-1, count)
			}
			if last.continues(&n.Region) {
				t.Fatalf("regions %d and %d should be one: %#x-%#x-%#x", count-1, count, last.Start, n.Start, n.End)
			}
		}
		if want := n.floor() - min(low, n.floor()); n.gap != want {
			t.Fatalf("region %d: gap %#x, want %#x", count, n.gap, want)
		}
		total += n.pages()
		count++
		last = n
	}
	if total != s.total || count != s.book.count || last != s.book.last {
		t.Fatalf("%d pages in %d regions, %d in %d counted", total, count, s.total, s.book.count)
	}
	if n := s.book.root.check(t, 0, ^uint64(0)); n != count {
		t.Fatalf("%d regions in the tree, %d in the list", n, count)
	}
}

// check looks whether a tree is in order, and counts it.
func (n *node) check(t interface{ Fatalf(string, ...any) }, low, high uint64) int {
	if n == nil {
		return 0
	}
	largest := n.gap
	for _, c := range []*node{n.left, n.right} {
		if c != nil {
			largest = max(largest, c.largest)
			if c.priority > n.priority {
				t.Fatalf("priority %d below %d", c.priority, n.priority)
			}
		}
	}
	if n.Start < low || n.End > high || n.largest != largest {
		t.Fatalf("%#x-%#x in [%#x, %#x), largest gap %#x, want %#x", n.Start, n.End, low, high, n.largest, largest)
	}
	return n.left.check(t, low, n.Start) + 1 + n.right.check(t, n.End, high)
}

// TestBookAgainstModel maps and removes at random places and compares with one access
// per page.
func TestBookAgainstModel(t *testing.T) {
	const base, pages = isa.MinimumAddress, 64
	rapid.Check(t, func(t *rapid.T) {
		s := bookOnly()
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
			"extend": func(t *rapid.T) {
				// As a stack grows: down, to the next region.
				if n := s.book.after(base + uint64(rapid.IntRange(0, pages-1).Draw(t, "at"))*pageSize); n != nil && n.gap > 0 {
					to := n.Start - n.gap + uint64(rapid.IntRange(0, int(n.gap/pageSize)-1).Draw(t, "to"))*pageSize
					s.total += (n.Start - to) / pageSize
					for i := (to - base) / pageSize; i < (n.Start-base)/pageSize; i++ {
						model[i] = int(n.Access) + 1
					}
					s.book.setStart(n, to)
					s.mergeRange(to, n.End)
				}
			},
			"clone": func(t *rapid.T) {
				c := *s
				c.book = s.book.clone()
				c.check(t)
				s = &c
			},
			"gaps": func(t *rapid.T) {
				// Nothing but these pages is mapped, so between them is all that is free.
				from := rapid.IntRange(0, pages-1).Draw(t, "from")
				to := rapid.IntRange(from+1, pages).Draw(t, "to")
				n := rapid.IntRange(1, pages).Draw(t, "n")
				fits := func(at int) bool {
					return at >= 0 && at+n <= pages && !slices.ContainsFunc(model[at:at+n], func(m int) bool { return m != 0 })
				}
				want := -1
				for at := 0; at+n <= to; at++ {
					if fits(at) {
						want = at
					}
				}
				at, ok := s.book.highest(base+uint64(to)*pageSize, uint64(n)*pageSize)
				if ok != (want >= 0) || ok && at != base+uint64(want)*pageSize {
					t.Fatalf("highest of %d below %d: %#x, %v, want %d", n, to, at-base, ok, want)
				}
				want = -1
				for at := to - n; at >= from; at-- {
					if fits(at) {
						want = at
					}
				}
				at, ok = s.book.lowest(base+uint64(from)*pageSize, base+uint64(to)*pageSize, uint64(n)*pageSize)
				if ok != (want >= 0) || ok && at != base+uint64(want)*pageSize {
					t.Fatalf("lowest of %d in [%d, %d): %#x, %v, want %d", n, from, to, at-base, ok, want)
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
	s := bookOnly()
	if e := s.MapStack(pageSize, 8<<20, 8<<20, false); e != 0 {
		t.Fatal(e)
	}
	stack := s.book.first.Region
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
	n := s.book.first
	for range 10 {
		n = n.next
	}
	hole := n.Region
	s.clearRange(hole.Start, hole.End)
	q := Request{Length: hole.Len(), Access: hole.Access ^ ipc.Write}
	if at, e := s.Map(&q, nil); e != 0 || at < hole.Start {
		t.Errorf("hole at %#x not used: %#x %v", hole.Start, at, e)
	}
}

func TestRefusals(t *testing.T) {
	s := bookOnly()
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

// With as many regions as there may be, in the order in which programs make them, nothing is deep in the tree.
func TestManyRegions(t *testing.T) {
	s := bookOnly()
	for i := range maxRegions {
		if _, e := s.Map(&Request{Length: pageSize, Access: ipc.Access(i % 2)}, nil); e != 0 {
			t.Fatal(i, e)
		}
	}
	if _, e := s.Map(&Request{Length: pageSize}, nil); e != unix.ENOMEM {
		t.Errorf("one more: %v", e)
	}
	s.check(t)
	var depth func(n *node) int
	depth = func(n *node) int {
		if n == nil {
			return 0
		}
		return 1 + max(depth(n.left), depth(n.right))
	}
	// Of a treap it is less than three times the logarithm, as good as always; the priorities are the same in every run.
	if d := depth(s.book.root); d > 3*16 {
		t.Errorf("%d levels for %d regions", d, s.book.count)
	}
}
