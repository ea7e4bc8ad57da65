package client

import (
	"starling/ipc"
	"starling/pager/table"
)

// Page is the bytes of a frame, in the window.
type Page = table.Page

// SpacePage returns the frame behind va and its entry without asking the
// pager; nil and 0 if the page is not present (or the window does not show it). What
// may be done with it says the entry (Allows); a page that is present with fewer
// rights needs Resolve. Good until the next call that changes mappings.
func (c *Client) SpacePage(s Space, va uint64) (*Page, table.Entry) {
	page := va >> table.PageShift
	l := c.leaf(s, page)
	if !l.holds(s, page, c) && !c.findLeaf(l, s, page) {
		return nil, 0
	}
	e := l.node[page%table.NodeEntries]
	if p := c.window.Page(e.Frame()); p != nil && e != 0 {
		return p, e
	}
	return nil, 0
}

// Spots remembers where the entries of some pages of a space are: programs hand over the same
// few buffers again and again. It holds as long as a leaf does; entries are read anew each time.
type Spots [4]Spot

// Spot is one of them.
type Spot struct {
	page  uint64 // number of the page + 1; 0: nothing is remembered
	freed uint64 // table.Header.NodesFreed
	entry *table.Entry
	was   table.Entry // what the entry said, present
	frame *Page       // behind it then
	_     [3]uint64   // indexing shifts
}

// Of is where the page of va is remembered, if it is.
func (s *Spots) Of(va uint64) *Spot { return &s[va>>table.PageShift%uint64(len(s))] }

// Spotted is the frame behind va, if spot remembers its page and the access needs
// no Resolve; else nil. In the way of every copy to and from a program.
func (c *Client) Spotted(spot *Spot, va uint64, access ipc.Access) *Page {
	if spot.page == va>>table.PageShift+1 && spot.freed == c.view.Header.NodesFreed && *spot.entry == spot.was && table.Entry(access)&^spot.was == 0 {
		return spot.frame
	}
	return nil
}

// Remember makes spot remember va's page of the space s; false: it is not present.
func (c *Client) Remember(spot *Spot, s Space, va uint64) bool {
	page := va >> table.PageShift
	l := c.leaf(s, page)
	if !l.holds(s, page, c) && !c.findLeaf(l, s, page) {
		return false
	}
	entry := &l.node[page%table.NodeEntries]
	frame := c.PageAt(*entry)
	if frame == nil {
		return false
	}
	*spot = Spot{page: page + 1, freed: l.freed, entry: entry, was: *entry, frame: frame}
	return true
}

// leaf remembers where the entries of a block of pages are: the way there through the
// tree is most of the cost of reaching a program's memory. It holds as long as the pager
// has not taken any node out of any tree; entries are read anew each time.
type leaf struct {
	block uint64 // number of the block + 1; 0: nothing is remembered
	space Space
	freed uint64 // table.Header.NodesFreed
	node  *table.Node
}

// leafCount is how many leaves are remembered: a program's stack, heap, data and
// the like, of two or three programs.
const leafCount = 16

// leaf is the place to remember the leaf of a page at.
func (c *Client) leaf(s Space, page uint64) *leaf {
	return &c.leaves[(page/table.NodeEntries^uint64(s))%leafCount]
}

// holds reports whether l is the leaf of a page, still.
func (l *leaf) holds(s Space, page uint64, c *Client) bool {
	return l.block == page/table.NodeEntries+1 && l.space == s && l.freed == c.view.Header.NodesFreed
}

// findLeaf remembers in l where the entry of a page is; false: there is none.
func (c *Client) findLeaf(l *leaf, s Space, page uint64) bool {
	r := c.view.Space(uint32(s))
	if r == nil {
		return false
	}
	n := table.Leaf(&c.window, r.Root, page)
	if n == nil {
		return false
	}
	*l = leaf{page/table.NodeEntries + 1, s, c.view.Header.NodesFreed, n}
	return true
}

// ObjectPage returns the frame of page index of an object and its entry; nil and 0 for
// a hole, which reads as zeros and needs ObjectPopulate before it is written. A
// page without table.Write (the boot image's own) needs ObjectPopulate too.
func (c *Client) ObjectPage(o Object, index uint64) (*Page, table.Entry) {
	r := c.view.Object(uint32(o))
	if r == nil {
		return nil, 0
	}
	e := table.LookupObject(&c.window, r, index)
	if e == 0 {
		return nil, 0
	}
	p := c.window.Page(e.Frame())
	if p == nil {
		return nil, 0
	}
	return p, e
}

// ObjectNext finds the first page of an object at or after index that is present.
func (c *Client) ObjectNext(o Object, index uint64) (uint64, bool) {
	r := c.view.Object(uint32(o))
	if r == nil {
		return 0, false
	}
	return table.NextObject(&c.window, r, index)
}

// SpaceNext finds the first page of a space at or after va that has been touched, as an
// address.
func (c *Client) SpaceNext(s Space, va uint64) (uint64, bool) {
	r := c.view.Space(uint32(s))
	if r == nil {
		return 0, false
	}
	page, ok := table.NextSpace(&c.window, r.Root, va>>table.PageShift)
	return page << table.PageShift, ok
}

// PageAt returns the frame of an entry, nil if the window does not show it.
func (c *Client) PageAt(e table.Entry) *Page {
	if e&table.Present == 0 {
		return nil
	}
	return c.window.Page(e.Frame())
}

// SpaceRecord is what the pager publishes of a space, nil if there is none. Good
// until the next call.
func (c *Client) SpaceRecord(s Space) *table.SpaceRecord { return c.view.Space(uint32(s)) }

// ObjectRecord is what the pager publishes of an object, nil if there is none.
func (c *Client) ObjectRecord(o Object) *table.ObjectRecord { return c.view.Object(uint32(o)) }

// ObjectMapped says whether any region maps the object: then its size matters.
func (c *Client) ObjectMapped(o Object) bool {
	r := c.view.Object(uint32(o))
	return r != nil && r.Mappings > 0
}

// ServerMemory is how many frames servers may still have: those that are free, those kept for servers
// among them, and what may still become some.
func (c *Client) ServerMemory() uint64 {
	h := c.view.Header
	if h == nil {
		return 0
	}
	return h.FramesFree - h.Spare + h.DataLeft
}

// Reserve is how many frames the pager keeps from programs, for servers.
func (c *Client) Reserve() uint64 {
	if c.view.Header == nil {
		return 0
	}
	return c.view.Header.Reserve
}

// ProgramMemory is how many frames programs may still have.
func (c *Client) ProgramMemory() uint64 {
	h := c.view.Header
	if h == nil {
		return 0
	}
	free := h.FramesFree - h.Spare
	return free - min(free, h.Reserve) + h.DataLeft
}

// Stats is the published header: memory in total and free, in frames.
func (c *Client) Stats() table.Header {
	if c.view.Header == nil {
		return table.Header{}
	}
	return *c.view.Header
}
