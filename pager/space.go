package pager

import (
	"unsafe"

	"starling/ipc"
	"starling/ipc/pagerwire"
	"starling/pager/table"
)

// space is the private side of an address space; table.SpaceRecord is the
// published one, at the same index.
type space struct {
	owner  uint64 // badge of the client that made it
	handle ipc.Handle
	// top is the root of the regions' treap, firstRegion and lastRegion the ends of their list.
	top, firstRegion, lastRegion uint32
	// hit is the region the last fault was in.
	hit uint32
	// leaf caches the tree node of the pages leafPage.. leafPage+511; nil pointers
	// cannot be kept here, so 0 is "none".
	leafPage uint64
	leaf     table.Entry
	// nextFault is the page behind what the last fault made present, burst how many it made.
	nextFault  uint64
	burst      uint32
	generation uint32
	adopted    bool   // a server's: its memory may come from the reserve
	user       uint64 // the client that runs in it, if it is one: may discard
	window     uint8  // parts of the window it shows
}

// userPages is the end of what a space can map, in pages: the last page
// below the non-canonical hole stays free, as on Linux.
const userPages = 0x0000_7fff_ffff_f000 >> table.PageShift

func (p *Pager) spaceIndex(s *space) uint32 {
	return uint32((uintptr(unsafe.Pointer(s)) - uintptr(unsafe.Pointer(&p.spaces[0]))) / unsafe.Sizeof(*s))
}

// spaceOf finds a space by id for a client; the administrator may use all. One that is Denied is returned.
func (p *Pager) spaceOf(id uint32, badge uint64) (uint32, *space, pagerwire.Status) {
	i := table.Index(id)
	if id == 0 || int(i) >= len(p.spaces) || p.spaceRecords[i].ID != id {
		return 0, nil, pagerwire.StatusStale
	}
	s := &p.spaces[i]
	if s.owner != badge && badge != p.admin {
		return i, s, pagerwire.StatusDenied
	}
	return i, s, pagerwire.OK
}

// newSpace takes an unused space for a kernel space.
func (p *Pager) newSpace(handle ipc.Handle, badge uint64) (uint32, pagerwire.Status) {
	i, ok := p.freeSpaces.pop()
	if !ok {
		return 0, pagerwire.StatusNoMemory
	}
	g := p.spaces[i].generation
	p.spaces[i] = space{owner: badge, handle: handle, generation: g}
	p.spaceRecords[i] = table.SpaceRecord{ID: table.MakeID(i, g)}
	return i, pagerwire.OK
}

// spaceCreate makes an empty space.
func (p *Pager) spaceCreate(badge uint64) (uint32, pagerwire.Status) {
	p.stockKernel()
	h, err := p.kernelSpace()
	if err != nil {
		return 0, kernelStatus(err)
	}
	i, st := p.newSpace(h, badge)
	if st != pagerwire.OK {
		p.t.SpaceDestroy(h)
		p.t.CapDelete(h)
	}
	return i, st
}

// spaceDestroy gives everything back. The kernel goes first: after that no
// program can reach the frames.
func (p *Pager) spaceDestroy(i uint32) {
	s, rec := &p.spaces[i], &p.spaceRecords[i]
	p.t.SpaceDestroy(s.handle)
	p.t.CapDelete(s.handle)
	p.forget(table.Entry(rec.Root), table.SpaceLevels)
	for s.firstRegion != 0 {
		// The treap is not kept in order on the way: nobody searches it any more.
		r := s.firstRegion
		s.firstRegion = p.regions[r].next
		if p.regions[r].object != 0 {
			p.unlinkObject(r)
		}
		p.freeRegion(r)
	}
	rec.ID = 0
	rec.Root = 0
	s.generation = nextGeneration(s.generation)
	p.freeSpaces.push(i)
}

func (p *Pager) spaceTree(i uint32) tree { return tree{&p.spaceRecords[i].Root, table.SpaceLevels} }

// spaceSlot finds or makes the place of a page's entry, through the cached leaf.
func (p *Pager) spaceSlot(i uint32, s *space, page uint64) *table.Entry {
	if s.leaf != 0 && page&^(table.NodeEntries-1) == s.leafPage {
		return &p.nodeAt(s.leaf)[page%table.NodeEntries]
	}
	slot := p.slotMake(p.spaceTree(i), page, s.adopted)
	if slot != nil {
		s.leafPage = page &^ (table.NodeEntries - 1)
		s.leaf = table.FrameEntry(p.physicalOf(slot)&^(table.PageSize-1), 0)
	}
	return slot
}

// install writes an entry of a space and keeps its counts.
func (p *Pager) install(i uint32, slot *table.Entry, e table.Entry) {
	rec, old := &p.spaceRecords[i], *slot
	if old == 0 && e != 0 {
		if rec.Resident++; rec.Resident > rec.Peak {
			rec.Peak = rec.Resident
		}
	} else if old != 0 && e == 0 {
		rec.Resident--
	}
	rec.Owned += uint64(e & table.Owned / table.Owned)
	rec.Owned -= uint64(old & table.Owned / table.Owned)
	p.put(slot, e)
}

// which says which entries of a range are meant.
type which uint8

const (
	allPages which = iota
	notOwned       // only the object's own frames
)

// gained notes n pages, of which owned are owned, that became present.
func (p *Pager) gained(i uint32, n, owned uint64) {
	rec := &p.spaceRecords[i]
	rec.Resident += n
	rec.Owned += owned
	rec.Peak = max(rec.Peak, rec.Resident)
}

// dropPages removes the entries of [from, end), in the kernel too.
func (p *Pager) dropPages(i uint32, from, end uint64, what which) {
	s, rec, t := &p.spaces[i], &p.spaceRecords[i], p.spaceTree(i)
	var low, high uint64
	w := p.walk(t, from, end)
	for w.nextLeaf() {
		var gone, owned uint64
		leaf, base := w.leaf, w.base
		for k := w.low; k < w.high; k++ {
			e := leaf[k%table.NodeEntries]
			if e == 0 || what == notOwned && e&table.Owned != 0 {
				continue
			}
			leaf[k%table.NodeEntries] = 0
			gone++
			owned += uint64(e & table.Owned / table.Owned)
			if e&table.Mapped != 0 {
				if what == notOwned {
					// What lies between stays: one page at a time.
					p.kernelUnmap(s, base+k, 1)
				} else {
					if high == 0 {
						low = base + k
					}
					high = base + k + 1
				}
			}
			p.drop(e)
		}
		p.shrank(leaf, gone)
		rec.Resident -= gone
		rec.Owned -= owned
	}
	if high != 0 {
		p.kernelUnmap(s, low, high-low)
	}
	s.leaf = 0
	p.prune(t, from, end)
}
