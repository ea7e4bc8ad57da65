package pager

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"starling/ipc"
	"starling/pager/client"
	"starling/pager/table"
)

// The model knows contents and rights and nothing of frames: what a program sees
// must be explained by it, whatever the pager shares, copies or maps around.

// spots are the offsets in a page whose bytes the model follows.
var spots = [...]uint64{0, 1000, 4095}

// cell is the content of a page: the bytes at spots.
type cell [len(spots)]byte

// modelObject is a memory object.
type modelObject struct {
	id    client.Object
	size  uint64
	cells map[uint64]cell
	held  int
}

// modelPage is one mapped page of a space.
type modelPage struct {
	object  *modelObject // nil: anonymous
	index   uint64
	access  ipc.Access
	shared  bool
	noFork  bool
	private *cell // the space's own copy
}

type modelSpace struct {
	id    client.Space
	pages map[uint64]modelPage
}

type model struct {
	b       *bed
	t       *rapid.T
	spaces  []*modelSpace
	objects []*modelObject
}

func (m *model) object() *modelObject {
	if len(m.objects) == 0 {
		m.t.Skip("no object")
	}
	return rapid.SampledFrom(m.objects).Draw(m.t, "object")
}

func (m *model) space() *modelSpace {
	if len(m.spaces) == 0 {
		m.t.Skip("no space")
	}
	return rapid.SampledFrom(m.spaces).Draw(m.t, "space")
}

// bases are where things get mapped: the start, across the border of two leaves, across
// that of two higher nodes, and the end.
var bases = []uint64{0, 512 - 10, 1<<27 - 10, userPages - 24}

const arenaPages = 24

func (m *model) page() uint64 {
	return rapid.SampledFrom(bases).Draw(m.t, "base") + rapid.Uint64Range(0, arenaPages-1).Draw(m.t, "page")
}

// mapped is mostly a page of s where something is mapped.
func (m *model) mapped(s *modelSpace) uint64 {
	if len(s.pages) == 0 || rapid.IntRange(0, 9).Draw(m.t, "anywhere") == 0 {
		return m.page()
	}
	// The first few, so that the same page is met again.
	all := slices.Sorted(maps.Keys(s.pages))
	return rapid.SampledFrom(all[:min(len(all), 12)]).Draw(m.t, "mapped page")
}

func (m *model) pages(page uint64) uint64 {
	return rapid.Uint64Range(1, min(arenaPages, userPages-page)).Draw(m.t, "pages")
}

func (m *model) access() ipc.Access {
	return rapid.SampledFrom([]ipc.Access{0, ipc.Read, rw, rx, rw, rw, ipc.Write}).Draw(m.t, "access")
}

func (m *model) must(st client.Status, what string) {
	m.t.Helper()
	if st != client.OK {
		m.t.Fatalf("%s: %v", what, st)
	}
}

// see is what a program gets for an access to a page.
func (m *model) see(s *modelSpace, page uint64, access ipc.Access) (*cell, ipc.FaultClass) {
	p, ok := s.pages[page]
	switch {
	case !ok:
		return nil, ipc.FaultNotMapped
	case access&^normal(p.access) != 0:
		return nil, ipc.FaultNotAllowed
	case p.private != nil:
		c := *p.private
		return &c, ipc.FaultNone
	case p.object == nil:
		return &cell{}, ipc.FaultNone
	case p.index >= pagesOf(p.object.size):
		return nil, ipc.FaultPastEnd
	}
	c := p.object.cells[p.index]
	return &c, ipc.FaultNone
}

// write is a store the model allowed.
func (m *model) write(s *modelSpace, page uint64, spot int, v byte) {
	c, _ := m.see(s, page, 0)
	c[spot] = v
	p := s.pages[page]
	if p.shared {
		p.object.cells[p.index] = *c
	} else {
		p.private = c
		s.pages[page] = p
	}
}

func (m *model) actions() map[string]func(*rapid.T) {
	actions := map[string]func(){
		"create": m.create, "fork": m.fork, "destroy": m.destroy,
		"map": m.mapRegion, "map ": m.mapRegion, "unmap": m.unmap, "protect": m.protect, "move": m.move, "discard": m.discard,
		"load": m.load, "load ": m.load, "store": m.store, "store ": m.store, "store  ": m.store,
		"peek": m.peek, "poke": m.poke, "populate": m.populate,
		"object": m.newObject, "adopt": m.adopt, "resize": m.resize, "release": m.release,
		"fill": m.fill, "punch": m.punch, "read": m.readObject,
	}
	wrapped := map[string]func(*rapid.T){"": func(t *rapid.T) { m.check(t) }}
	for name, f := range actions {
		wrapped[name] = func(t *rapid.T) { m.t = t; f() }
	}
	return wrapped
}

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

// check looks at everything the pager publishes, without touching anything.
func (m *model) check(t *rapid.T) {
	m.t = t
	m.b.sound()
	for _, s := range m.spaces {
		if got := m.b.c.SpaceRecord(s.id).Virtual; got != uint64(len(s.pages)) {
			t.Fatalf("%d pages in regions, want %d", got, len(s.pages))
		}
		for page, p := range s.pages {
			bytes, e := m.b.c.SpacePage(s.id, page<<12)
			if bytes == nil {
				if p.private != nil && *p.private != (cell{}) {
					t.Fatalf("page %#x lost its private copy", page)
				}
				continue
			}
			want, class := m.see(s, page, 0)
			if class != ipc.FaultNone {
				t.Fatalf("page %#x is present, but class %d", page, class)
			}
			if e&table.Rights&^table.Entry(normal(p.access)) != 0 {
				t.Fatalf("page %#x: entry %#x, region allows %d", page, e, p.access)
			}
			m.compare(&bytes[0], want, fmt.Sprintf("published page %#x", page))
		}
	}
}

// TestMain asks for longer runs than rapid does by itself, unless told otherwise:
// a page has to be met several times before sharing and splitting can go wrong.
func TestMain(m *testing.M) {
	flag.Set("rapid.checks", "300")
	flag.Set("rapid.steps", "80")
	flag.Parse()
	os.Exit(m.Run())
}

// modelImage is the boot image of the model test.
var modelImage = func() []byte {
	b := make([]byte, 12*4096)
	for i := range b {
		b[i] = byte(i*7 + i>>12 + 1)
	}
	return b
}()

func TestAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{b: newBed(t, 2048, modelImage), t: t}
		before := m.b.counts()
		t.Repeat(m.actions())
		for len(m.spaces) > 0 {
			m.must(m.b.c.SpaceDestroy(m.spaces[0].id), "destroy")
			m.spaces = m.spaces[1:]
		}
		for _, o := range m.objects {
			for range o.held {
				m.must(m.b.c.ObjectDestroy(o.id), "release")
			}
		}
		m.b.sound()
		if after := m.b.counts(); after != before {
			t.Fatalf("counts %+v, at the start %+v", after, before)
		}
	})
}
