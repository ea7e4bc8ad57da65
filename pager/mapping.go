package pager

import (
	"starling/ipc"
	"starling/ipc/pagerwire"
	"starling/pager/table"
)

// pageRange checks a range of a message and gives it in pages. An empty range is invalid.
func pageRange(address, pages uint64) (from, end uint64, st pagerwire.Status) {
	from = address >> table.PageShift
	if address%table.PageSize != 0 || pages == 0 || from >= userPages || pages > userPages-from {
		return 0, 0, pagerwire.StatusInvalid
	}
	return from, from + pages, pagerwire.OK
}

// mapRegion adds a region, in the place of what is there.
func (p *Pager) mapRegion(i uint32, c *pagerwire.Command, object uint32) pagerwire.Status {
	s := &p.spaces[i]
	from, end, st := pageRange(c.Address, c.Pages)
	if st != pagerwire.OK {
		return st
	}
	offset := c.Offset >> table.PageShift
	shared := c.Flags&pagerwire.FlagShared != 0
	if object == 0 && (shared || c.Offset != 0) || c.Offset%table.PageSize != 0 || offset+c.Pages > maxObjectPages {
		return pagerwire.StatusInvalid
	}
	// Refuse what can never be had, as Linux's heuristic overcommit does (proc_sys_vm(5)).
	if c.Access&ipc.Write != 0 && !shared && c.Flags&pagerwire.FlagNoReserve == 0 && c.Pages > p.header.FramesTotal {
		return pagerwire.StatusNoMemory
	}
	first := p.findFrom(s, from)
	if first != 0 && p.regions[first].start < end {
		if c.Flags&pagerwire.FlagKeep != 0 {
			return pagerwire.StatusExists
		}
		// Two borders and the new one, before anything is changed.
		if !p.roomForRegions(s, 3) {
			return pagerwire.StatusNoMemory
		}
		p.unmapRange(i, from, end)
	} else if !p.roomForRegions(s, 1) {
		return pagerwire.StatusNoMemory
	}
	n := p.takeRegion()
	r := &p.regions[n]
	r.start, r.end, r.offset = from, end, offset
	r.object, r.space, r.access = object, i, normal(c.Access)
	if shared {
		r.flags |= regionShared
	}
	if c.Flags&pagerwire.FlagNoFork != 0 {
		r.flags |= regionNoFork
	}
	if c.Flags&pagerwire.FlagCopyAhead != 0 {
		r.flags |= regionCopyAhead
	}
	p.addRegion(n)
	p.mergeAround(n)
	return pagerwire.OK
}

// unmapRange removes pages and regions. False, with nothing changed, when a border
// needs a region that is not to be had.
func (p *Pager) unmapRange(i uint32, from, end uint64) bool {
	s := &p.spaces[i]
	ri := p.findFrom(s, from)
	if ri == 0 || p.regions[ri].start >= end {
		return true
	}
	if !p.borders(s, from, end) {
		return false
	}
	p.dropPages(i, from, end, allPages)
	for ri = p.findFrom(s, from); ri != 0 && p.regions[ri].start < end; {
		next := p.regions[ri].next
		p.removeRegion(ri)
		ri = next
	}
	return true
}

// borders makes from and end borders between regions. When the second cannot be
// had the first is undone.
func (p *Pager) borders(s *space, from, end uint64) bool {
	if p.splitAt(s, from) && p.splitAt(s, end) {
		return true
	}
	p.mergeRange(s, from, end)
	return false
}

// protectRange sets what the regions of a range allow, and their pages at once.
func (p *Pager) protectRange(i uint32, from, end uint64, access ipc.Access) pagerwire.Status {
	s := &p.spaces[i]
	ri := p.findFrom(s, from)
	if ri == 0 || p.regions[ri].start >= end {
		return pagerwire.OK
	}
	if !p.borders(s, from, end) {
		return pagerwire.StatusNoMemory
	}
	access = normal(access)
	p.mapStart(s)
	var low, high uint64
	for ri = p.findFrom(s, from); ri != 0 && p.regions[ri].start < end; ri = p.regions[ri].next {
		r := &p.regions[ri]
		if r.access == access {
			continue
		}
		r.access = access
		w := p.walk(p.spaceTree(i), r.start, r.end)
		for slot := w.first(); slot != nil; slot = w.next() {
			old := *slot
			rights := p.rightsNow(r, old)
			e := old&^table.Rights | rights
			if old&table.Mapped != 0 && old&table.Rights&^rights != 0 {
				if high == 0 {
					low = w.page
				}
				high = w.page + 1
			}
			switch {
			case rights == 0:
				e &^= table.Mapped
			case rights&^old != 0:
				e |= table.Mapped
				p.mapPage(w.page, e)
			}
			*slot = e
		}
	}
	if high != 0 && access == 0 {
		p.kernelUnmap(s, low, high-low)
	} else if high != 0 {
		p.kernelProtect(s, low, high-low, (ipc.Read|ipc.Write|ipc.Execute)&^access)
	}
	p.mergeRange(s, from, end)
	// The rights are given: what the kernel cannot note down now comes by faults.
	p.mapFlush()
	return pagerwire.OK
}

// rightsNow is what a present page of a region allows without asking.
func (p *Pager) rightsNow(r *region, e table.Entry) table.Entry {
	if e&table.Owned == 0 {
		if e&table.Image == 0 {
			e |= table.Write // what objects' own frames allow
		} else {
			e &^= table.Write
		}
		return rightsInObject(e, r)
	}
	rights := table.Entry(r.access)
	if p.frameOf(e.Frame()).refs > 1 {
		rights &^= table.Write
	}
	return rights
}

// populate makes pages present until one cannot be.
func (p *Pager) populate(i uint32, from, end uint64, access ipc.Access, force bool) (done uint64, class ipc.FaultClass) {
	s := &p.spaces[i]
	p.mapStart(s)
	for page := from; page < end; page++ {
		if slot := p.slot(p.spaceTree(i), page); slot == nil || !slot.Allows(access) {
			if _, class = p.resolve(i, page, access, force); class != ipc.FaultNone {
				break
			}
		}
		done++
	}
	if !p.mapFlush() && class == ipc.FaultNone {
		class = ipc.FaultOutOfMemory
	}
	return done, class
}
