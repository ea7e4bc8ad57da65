package pager

import (
	"fmt"
	"slices"

	"pgregory.net/rapid"

	"starling/ipc"
	"starling/pager/client"
	"starling/pager/table"
)

func (m *model) create() {
	if len(m.spaces) < 4 {
		m.spaces = append(m.spaces, &modelSpace{m.b.space(), map[uint64]modelPage{}})
	}
}

func (m *model) fork() {
	s := m.space()
	if len(m.spaces) == 4 {
		m.t.Skip("enough spaces")
	}
	id, _, st := m.b.c.SpaceFork(s.id)
	m.must(st, "fork")
	n := &modelSpace{id, map[uint64]modelPage{}}
	for page, p := range s.pages {
		if p.noFork {
			continue
		}
		if p.private != nil {
			c := *p.private
			p.private = &c
		}
		n.pages[page] = p
	}
	m.spaces = append(m.spaces, n)
}

func (m *model) destroy() {
	s := m.space()
	m.must(m.b.c.SpaceDestroy(s.id), "destroy")
	m.spaces = slices.DeleteFunc(m.spaces, func(x *modelSpace) bool { return x == s })
}

func (m *model) mapRegion() {
	s, page := m.space(), m.page()
	r := client.Region{Address: page << 12, Pages: m.pages(page), Access: m.access()}
	var o *modelObject
	if len(m.objects) > 0 && rapid.Bool().Draw(m.t, "of an object") {
		o = m.object()
		r.Object, r.Offset = o.id, rapid.Uint64Range(0, 6).Draw(m.t, "offset")<<12
		if rapid.Bool().Draw(m.t, "shared") {
			r.Flags |= client.Shared
		}
	}
	if rapid.IntRange(0, 9).Draw(m.t, "nofork") == 0 {
		r.Flags |= client.NoFork
	}
	m.must(m.b.c.Map(s.id, r), "map")
	for i := range r.Pages {
		s.pages[page+i] = modelPage{object: o, index: r.Offset>>12 + i, access: r.Access,
			shared: r.Flags&client.Shared != 0, noFork: r.Flags&client.NoFork != 0}
	}
}

func (m *model) unmap() {
	s, page := m.space(), m.page()
	n := m.pages(page)
	m.must(m.b.c.Unmap(s.id, page<<12, n), "unmap")
	for i := range n {
		delete(s.pages, page+i)
	}
}

func (m *model) protect() {
	s, access := m.space(), m.access()
	page := m.mapped(s)
	n := m.pages(page)
	m.must(m.b.c.Protect(s.id, page<<12, n, access), "protect")
	for i := range n {
		if p, ok := s.pages[page+i]; ok {
			p.access = access
			s.pages[page+i] = p
		}
	}
}

func (m *model) move() {
	s, to := m.space(), m.page()
	from := m.mapped(s)
	n := rapid.Uint64Range(1, 8).Draw(m.t, "pages")
	n = min(n, userPages-from, userPages-to)
	st := m.b.c.Move(s.id, from<<12, n, to<<12)
	want := client.OK
	for i := range n {
		if _, ok := s.pages[from+i]; !ok {
			want = client.NotMapped
		}
	}
	if from < to+n && to < from+n {
		want = client.Invalid
	}
	if st != want {
		m.t.Fatalf("move: %v, want %v", st, want)
	}
	if st == client.OK {
		for i := range n {
			s.pages[to+i] = s.pages[from+i]
			delete(s.pages, from+i)
		}
	}
}

func (m *model) discard() {
	s := m.space()
	page := m.mapped(s)
	n := m.pages(page)
	m.must(m.b.c.Discard(s.id, page<<12, n), "discard")
	for i := range n {
		if p, ok := s.pages[page+i]; ok {
			p.private = nil
			s.pages[page+i] = p
		}
	}
}

// access tries one access as a program and compares the verdict.
func (m *model) try(s *modelSpace, page uint64, access ipc.Access) (*byte, *cell) {
	want, wantClass := m.see(s, page, access)
	got, class := m.b.touch(s.id, page<<12, access)
	if class != wantClass {
		m.t.Fatalf("page %#x access %d: class %d, want %d", page, access, class, wantClass)
	}
	return got, want
}

func (m *model) load() {
	s := m.space()
	page := m.mapped(s)
	if got, want := m.try(s, page, ipc.Read); want != nil {
		m.compare(got, want, fmt.Sprintf("page %#x", page))
	}
}

// bytesAt gives the bytes of a page by a pointer to its first.
func (m *model) bytesAt(first *byte) *table.Page { return pageAround(first) }

func (m *model) compare(first *byte, want *cell, what string) {
	m.t.Helper()
	for i, spot := range spots {
		if got := m.bytesAt(first)[spot]; got != want[i] {
			m.t.Fatalf("%s: byte %d is %d, want %d", what, spot, got, want[i])
		}
	}
}

func (m *model) store() {
	s := m.space()
	page := m.mapped(s)
	spot := rapid.IntRange(0, len(spots)-1).Draw(m.t, "spot")
	v := rapid.Byte().Draw(m.t, "value")
	if first, want := m.try(s, page, ipc.Write); want != nil {
		m.bytesAt(first)[spots[spot]] = v
		m.write(s, page, spot, v)
	}
}

// peek is a debugger's load.
func (m *model) peek() {
	s := m.space()
	page := m.mapped(s)
	p, ok := s.pages[page]
	e, class, _ := m.b.c.Resolve(s.id, page<<12, ipc.Read, true)
	want, wantClass := m.see(s, page, 0)
	if class != wantClass {
		m.t.Fatalf("peek at %#x: class %d, want %d", page, class, wantClass)
	}
	if ok && class == ipc.FaultNone {
		m.compare(&m.b.c.PageAt(e)[0], want, "peek")
		if e&table.Rights&^table.Entry(normal(p.access)) != 0 {
			m.t.Fatalf("peek gave the program rights: entry %#x", e)
		}
	}
}

// poke is a debugger's store.
func (m *model) poke() {
	s := m.space()
	page := m.mapped(s)
	e, class, _ := m.b.c.Resolve(s.id, page<<12, ipc.Write, true)
	_, want := m.see(s, page, 0)
	if p, ok := s.pages[page]; ok && p.shared && p.access&ipc.Write == 0 {
		want = ipc.FaultNotAllowed
	}
	if class != want {
		m.t.Fatalf("poke at %#x: class %d, want %d", page, class, want)
	}
	if class == ipc.FaultNone {
		m.b.c.PageAt(e)[spots[1]] = 0xcc
		m.write(s, page, 1, 0xcc)
	}
}

func (m *model) populate() {
	s := m.space()
	page := m.mapped(s)
	n, access := m.pages(page), rapid.SampledFrom([]ipc.Access{ipc.Read, ipc.Write}).Draw(m.t, "access")
	got, st := m.b.c.Populate(s.id, page<<12, n, access)
	want := uint64(0)
	for want < n {
		if _, class := m.see(s, page+want, access); class != ipc.FaultNone {
			break
		}
		want++
	}
	if got != want || (st == client.OK) != (want == n) {
		m.t.Fatalf("populate: %d pages and %v, want %d of %d", got, st, want, n)
	}
	for i := range got {
		if p := s.pages[page+i]; access == ipc.Write && !p.shared && p.private == nil {
			c, _ := m.see(s, page+i, 0)
			p.private = c
			s.pages[page+i] = p
		}
		if _, e := m.b.c.SpacePage(s.id, (page+i)<<12); !e.Allows(access) {
			m.t.Fatalf("populated page %#x has entry %#x", page+i, e)
		}
	}
}

func (m *model) newObject() {
	if len(m.objects) == 4 {
		m.t.Skip("enough objects")
	}
	size := rapid.Uint64Range(0, 8*4096).Draw(m.t, "size")
	id, st := m.b.c.ObjectCreate(size)
	m.must(st, "create object")
	m.objects = append(m.objects, &modelObject{id, size, map[uint64]cell{}, 1})
}

func (m *model) adopt() {
	if len(m.objects) == 4 {
		m.t.Skip("enough objects")
	}
	first, n := rapid.Uint64Range(0, 4).Draw(m.t, "first"), rapid.Uint64Range(0, 6).Draw(m.t, "pages")
	id, st := m.b.c.ObjectAdopt(first<<12, n<<12)
	m.must(st, "adopt")
	o := &modelObject{id, n << 12, map[uint64]cell{}, 1}
	for i := range n {
		for k, spot := range spots {
			c := o.cells[i]
			c[k] = modelImage[(first+i)<<12+spot]
			o.cells[i] = c
		}
	}
	m.objects = append(m.objects, o)
}

func (m *model) resize() {
	o := m.object()
	size := rapid.Uint64Range(0, 10*4096).Draw(m.t, "size")
	m.must(m.b.c.ObjectResize(o.id, size), "resize")
	o.size = size
	for i, c := range o.cells {
		switch {
		case i >= pagesOf(size):
			delete(o.cells, i)
		case i == size>>12:
			for k, spot := range spots {
				if spot >= size%4096 {
					c[k] = 0
				}
			}
			o.cells[i] = c
		}
	}
	for _, s := range m.spaces {
		for page, p := range s.pages {
			if p.object == o && p.index >= pagesOf(size) {
				p.private = nil
				s.pages[page] = p
			}
		}
	}
}

func (m *model) release() {
	o := m.object()
	if rapid.Bool().Draw(m.t, "hold") {
		m.must(m.b.c.ObjectRef(o.id), "hold")
		o.held++
		return
	}
	m.must(m.b.c.ObjectDestroy(o.id), "release")
	if o.held--; o.held == 0 {
		m.objects = slices.DeleteFunc(m.objects, func(x *modelObject) bool { return x == o })
	}
}

// fill writes to the object through the window, as write(2) does.
func (m *model) fill() {
	o, index := m.object(), rapid.Uint64Range(0, 9).Draw(m.t, "index")
	v := rapid.Byte().Draw(m.t, "value")
	_, st := m.b.c.ObjectPopulate(o.id, index, 1)
	m.must(st, "populate object")
	p, e := m.b.c.ObjectPage(o.id, index)
	if p == nil || e&table.Write == 0 {
		m.t.Fatalf("populated page: entry %#x", e)
	}
	c := o.cells[index]
	p[spots[1]], c[1] = v, v
	o.cells[index] = c
}

func (m *model) punch() {
	o, index := m.object(), rapid.Uint64Range(0, 9).Draw(m.t, "index")
	n := rapid.Uint64Range(1, 4).Draw(m.t, "pages")
	m.must(m.b.c.ObjectDiscard(o.id, index, n), "discard object")
	for i := range n {
		delete(o.cells, index+i)
	}
}

func (m *model) readObject() {
	o, index := m.object(), rapid.Uint64Range(0, 9).Draw(m.t, "index")
	p, _ := m.b.c.ObjectPage(o.id, index)
	want := o.cells[index]
	if p == nil {
		if want != (cell{}) {
			m.t.Fatalf("page %d of the object is a hole, want %d", index, want)
		}
		return
	}
	m.compare(&p[0], &want, "object")
}
