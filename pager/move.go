package pager

import (
	"starling/ipc/pagerwire"
	"starling/pager/table"
)

// moveRange moves regions and pages from [from, from+pages) to [to, to+pages). The
// old range has no hole, the new one does not overlap it and is unmapped first. Nothing is
// changed unless all of it can be done.
func (p *Pager) moveRange(i uint32, from, pages, to uint64) pagerwire.Status {
	s, t := &p.spaces[i], p.spaceTree(i)
	if from < to+pages && to < from+pages {
		return pagerwire.StatusInvalid
	}
	for page := from; page < from+pages; {
		r := p.find(s, page)
		if r == 0 {
			return pagerwire.StatusNotMapped
		}
		page = p.regions[r].end
	}
	// Two borders at each place and one region in hand; nodes for the new place, as
	// those of the old one are freed too late to count.
	if !p.roomForRegions(s, 5) {
		return pagerwire.StatusNoMemory
	}
	if need := pages>>levelBits + pages>>(2*levelBits) + 6; need > p.nodesFree {
		need = min(need, p.leavesFor(t, from, pages))
		for need > p.nodesFree {
			if !p.growTables() {
				return pagerwire.StatusNoMemory
			}
		}
	}
	p.unmapRange(i, to, to+pages)
	p.borders(s, from, from+pages)

	p.mapStart(s)
	var low, high uint64
	w := p.walk(t, from, from+pages)
	for slot := w.first(); slot != nil; slot = w.next() {
		e := *slot
		dst := p.slotMake(t, to+(w.page-from), true)
		p.put(dst, e)
		p.put(slot, 0)
		if e&table.Mapped != 0 {
			if high == 0 {
				low = w.page
			}
			high = w.page + 1
			p.mapPage(to+(w.page-from), e)
		}
	}
	if high != 0 {
		p.kernelUnmap(s, low, high-low)
	}
	s.leaf = 0
	p.prune(t, from, from+pages)
	for ri := p.findFrom(s, from); ri != 0 && p.regions[ri].start < from+pages; {
		next := p.regions[ri].next
		p.moveRegion(ri, from, to)
		ri = next
	}
	p.mergeRange(s, to, to+pages)
	p.mapFlush()
	return pagerwire.OK
}

// moveRegion takes a region out of the order and puts it in at its new place.
func (p *Pager) moveRegion(ri uint32, from, to uint64) {
	n := p.takeRegion()
	old, r := &p.regions[ri], &p.regions[n]
	r.start, r.end = old.start-from+to, old.end-from+to
	r.offset, r.object, r.space, r.access, r.flags = old.offset, old.object, old.space, old.access, old.flags
	p.addRegion(n)
	p.removeRegion(ri)
}

// leavesFor counts the nodes that copies of the entries of a range can need.
func (p *Pager) leavesFor(t tree, from, pages uint64) uint64 {
	n, last := uint64(0), ^uint64(0)
	w := p.walk(t, from, from+pages)
	for slot := w.first(); slot != nil; slot = w.next() {
		if leaf := w.page >> levelBits; leaf != last {
			// A leaf's pages can straddle two leaves at the new place, each with
			// a path of its own.
			n += 2 * (table.SpaceLevels - 1)
			last = leaf
		}
	}
	return n
}
