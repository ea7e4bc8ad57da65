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
