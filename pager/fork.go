package pager

import (
	"starling/ipc"
	"starling/ipc/pagerwire"
	"starling/pager/table"
)

// protectGap is how far apart two pages may be to lose Write in one kernel call:
// up to here walking the empty tables between them is cheaper than a call.
const protectGap = 4096

// fork makes a copy of a space. Regions are copied; of pages only those that
// the space owns, as everything else can be had from its object again. Owned pages lose
// Write on both sides until one of them stores. The child's pages are not given to
// the kernel here: a child that execs touches few of them, and each of its faults
// maps what is around (mapAround).
func (p *Pager) fork(parent uint32, badge uint64) (uint32, pagerwire.Status) {
	ps := &p.spaces[parent]
	if ps.adopted {
		return 0, pagerwire.StatusInvalid
	}
	if p.regionsFree < p.spaceRecords[parent].Regions {
		return 0, pagerwire.StatusNoMemory
	}
	child, st := p.spaceCreate(badge)
	if st != pagerwire.OK {
		return 0, st
	}
	protect := protector{p: p, s: ps}
	for ri := ps.firstRegion; ri != 0; ri = p.regions[ri].next {
		if p.regions[ri].flags&regionNoFork != 0 {
			continue
		}
		p.copyRegion(child, ri)
		if p.mayOwn(&p.regions[ri]) && !p.sharePages(parent, child, ri, &protect) {
			st = pagerwire.StatusNoMemory
			break
		}
	}
	protect.flush()
	if st != pagerwire.OK {
		p.spaceDestroy(child)
		return 0, st
	}
	return child, pagerwire.OK
}

func (p *Pager) copyRegion(child, ri uint32) {
	n := p.takeRegion()
	from, to := &p.regions[ri], &p.regions[n]
	to.start, to.end, to.offset, to.object = from.start, from.end, from.offset, from.object
	to.access, to.flags, to.space = from.access, from.flags, child
	p.addRegion(n)
}

// mayOwn says whether pages of the region can be the space's own.
func (p *Pager) mayOwn(r *region) bool { return r.object == 0 || r.flags&regionCopied != 0 }

// sharePages gives the child the owned pages of a region of the parent.
func (p *Pager) sharePages(parent, child, ri uint32, protect *protector) bool {
	r, cs := &p.regions[ri], &p.spaces[child]
	w := p.walk(p.spaceTree(parent), r.start, r.end)
	for w.nextLeaf() {
		if p.spaceSlot(child, cs, w.base+w.low) == nil {
			return false
		}
		shared, first := uint64(0), uint64(table.NodeEntries)
		from, to := w.leaf, p.nodeAt(cs.leaf)
		for k := w.low; k < w.high; k++ {
			e := from[k%table.NodeEntries]
			if e&table.Owned == 0 {
				continue
			}
			if e&table.Write != 0 {
				if e&table.Mapped != 0 {
					protect.page(w.base + k)
				}
				e &^= table.Write
				from[k%table.NodeEntries] = e
			}
			p.frameOf(e.Frame()).refs++
			to[k%table.NodeEntries] = e &^ table.Mapped
			shared, first = shared+1, min(first, k)
		}
		if shared > 0 {
			p.grew(cs.leaf, shared, first)
			p.gained(child, shared, shared)
		} else {
			cs.leaf = 0
			p.prune(p.spaceTree(child), w.base+w.low, w.base+w.low+1)
		}
	}
	return true
}

// protector takes Write away from pages with few kernel calls. What lies
// between two pages may lose Write too: a store there faults once and is mapped again
// as its entry says.
type protector struct {
	p         *Pager
	s         *space
	low, high uint64
}

func (t *protector) page(page uint64) {
	if t.high != 0 && page-t.high > protectGap {
		t.flush()
	}
	if t.high == 0 {
		t.low = page
	}
	t.high = page + 1
}

func (t *protector) flush() {
	if t.high != 0 {
		t.p.kernelProtect(t.s, t.low, t.high-t.low, ipc.Write)
		t.high = 0
	}
}
