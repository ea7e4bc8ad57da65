package pager

import (
	"starling/ipc"
	"starling/ipc/pagerwire"
	"starling/pager/table"
)

// object is the private side of a memory object; table.ObjectRecord is the
// published one, at the same index.
type object struct {
	owner       uint64 // badge of the client that made it
	firstRegion uint32 // of those that map it, linked by objectNext
	generation  uint32
}

// maxObjectPages bounds the size of an object: what a tree can hold.
const maxObjectPages = table.MaxPages

func (p *Pager) objectOf(id uint32, badge uint64) (uint32, *table.ObjectRecord, pagerwire.Status) {
	i := table.Index(id)
	if id == 0 || int(i) >= len(p.objects) || p.objectRecords[i].ID != id {
		return 0, nil, pagerwire.StatusStale
	}
	if p.objects[i].owner != badge && badge != p.admin {
		return 0, nil, pagerwire.StatusDenied
	}
	return i, &p.objectRecords[i], pagerwire.OK
}

// pagesOf is how many pages size bytes take.
func pagesOf(size uint64) uint64 {
	return size>>table.PageShift + (size%table.PageSize+table.PageSize-1)>>table.PageShift
}

// objectCreate makes an object of zeros, held once.
func (p *Pager) objectCreate(size, badge uint64) (uint32, pagerwire.Status) {
	if pagesOf(size) > maxObjectPages {
		return 0, pagerwire.StatusInvalid
	}
	i, ok := p.freeObjects.pop()
	if !ok {
		return 0, pagerwire.StatusNoMemory
	}
	g := p.objects[i].generation
	p.objects[i] = object{owner: badge, generation: g}
	p.objectRecords[i] = table.ObjectRecord{ID: table.MakeID(i, g), Size: size, Holders: 1}
	return i, pagerwire.OK
}

// objectAdopt makes an object of pages of the boot image.
func (p *Pager) objectAdopt(offset, size, badge uint64) (uint32, pagerwire.Status) {
	length := p.image.end - p.image.base
	pages := pagesOf(size)
	if offset%table.PageSize != 0 || offset > length || pages > (length-offset)>>table.PageShift {
		return 0, pagerwire.StatusInvalid
	}
	i, st := p.objectCreate(size, badge)
	if st == pagerwire.OK {
		p.objectRecords[i].Extent = p.image.base + offset
		p.objectRecords[i].ExtentPages = pages
	}
	return i, st
}

// objectRelease takes a holder away.
func (p *Pager) objectRelease(i uint32) pagerwire.Status {
	r := &p.objectRecords[i]
	if r.Holders == 0 {
		return pagerwire.StatusStale
	}
	r.Holders--
	p.objectReap(i)
	return pagerwire.OK
}

// objectReap frees an object that has neither holder nor mapping.
func (p *Pager) objectReap(i uint32) {
	r := &p.objectRecords[i]
	if r.Holders != 0 || r.Mappings != 0 {
		return
	}
	p.forget(table.Entry(r.Root), r.Levels)
	*r = table.ObjectRecord{}
	p.objects[i].generation = nextGeneration(p.objects[i].generation)
	p.freeObjects.push(i)
}

func (p *Pager) linkObject(i uint32) {
	r := &p.regions[i]
	o := &p.objects[r.object-1]
	r.objectNext, r.objectPrev = o.firstRegion, 0
	if o.firstRegion != 0 {
		p.regions[o.firstRegion].objectPrev = i
	}
	o.firstRegion = i
	p.objectRecords[r.object-1].Mappings++
}

func (p *Pager) unlinkObject(i uint32) {
	r := &p.regions[i]
	if r.objectPrev != 0 {
		p.regions[r.objectPrev].objectNext = r.objectNext
	} else {
		p.objects[r.object-1].firstRegion = r.objectNext
	}
	if r.objectNext != 0 {
		p.regions[r.objectNext].objectPrev = r.objectPrev
	}
	p.objectRecords[r.object-1].Mappings--
	p.objectReap(r.object - 1)
}

// objectPage is the entry of a page of the object, 0 for a hole.
func (p *Pager) objectPage(i uint32, index uint64) table.Entry {
	return p.pageOfObject(&p.objectRecords[i], index)
}

func (p *Pager) pageOfObject(r *table.ObjectRecord, index uint64) table.Entry {
	if r.Root != 0 {
		if s := p.slot(tree{&r.Root, r.Levels}, index); s != nil && *s != 0 {
			return *s
		}
	}
	if index < r.ExtentPages {
		return table.FrameEntry(r.Extent+index<<table.PageShift, table.Read|table.Image)
	}
	return 0
}

// objectFill gives a page of the object a frame of its own: zeros for a hole, a
// copy for a page of the boot image, which all mappings then have to see.
func (p *Pager) objectFill(i uint32, index uint64, privileged bool) (table.Entry, bool) {
	old := p.objectPage(i, index)
	if old&table.Write != 0 {
		return old, true
	}
	r := &p.objectRecords[i]
	if index >= maxObjectPages || !p.grow(r, index) {
		return 0, false
	}
	t := tree{&r.Root, r.Levels}
	slot := p.slotMake(t, index, privileged)
	if slot == nil {
		return 0, false
	}
	phys, ok := p.takeFrame(privileged)
	if !ok {
		p.prune(t, index, index+1)
		return 0, false
	}
	if old != 0 {
		*p.bytes(phys) = *p.bytes(old.Frame())
		p.objectUnmap(i, index, index+1, notOwned)
	} else {
		clear(p.bytes(phys)[:])
	}
	e := table.FrameEntry(phys, table.Read|table.Write)
	p.put(slot, e)
	r.Resident++
	return e, true
}

// objectUnmap removes pages [from, end) of the object from all spaces.
func (p *Pager) objectUnmap(i uint32, from, end uint64, what which) {
	for ri := p.objects[i].firstRegion; ri != 0; ri = p.regions[ri].objectNext {
		r := &p.regions[ri]
		first, last := max(from, r.offset), min(end, r.offset+(r.end-r.start))
		if first < last {
			p.dropPages(r.space, r.start+(first-r.offset), r.start+(last-r.offset), what)
		}
	}
}

// objectResize sets the size and drops what lies past it: everything from the
// first whole page past the end, copies in private mappings too (as truncate(2)
// on Linux), and the bytes of the last page behind the end.
func (p *Pager) objectResize(i uint32, size uint64) pagerwire.Status {
	r := &p.objectRecords[i]
	pages := pagesOf(size)
	if pages > maxObjectPages {
		return pagerwire.StatusInvalid
	}
	if st := p.zeroTail(i, size); st != pagerwire.OK {
		return st
	}
	r.Size = size
	p.objectDrop(i, pages, maxObjectPages, allPages)
	r.ExtentPages = min(r.ExtentPages, pages)
	return pagerwire.OK
}

// zeroTail zeroes the last page of an object of size bytes behind its end.
func (p *Pager) zeroTail(i uint32, size uint64) pagerwire.Status {
	tail := size % table.PageSize
	if tail == 0 {
		return pagerwire.OK
	}
	index := size >> table.PageShift
	e := p.objectPage(i, index)
	if e&table.Image != 0 {
		clean := true
		for _, b := range p.bytes(e.Frame())[tail:] {
			if b != 0 {
				clean = false
				break
			}
		}
		if clean {
			return pagerwire.OK
		}
		var ok bool
		if e, ok = p.objectFill(i, index, false); !ok {
			return pagerwire.StatusNoMemory
		}
	}
	if e != 0 {
		clear(p.bytes(e.Frame())[tail:])
	}
	return pagerwire.OK
}

// objectDrop removes pages [from, end) of the object from all spaces and from
// the object. Adopted pages inside of the range become holes only by ExtentPages.
func (p *Pager) objectDrop(i uint32, from, end uint64, what which) {
	r := &p.objectRecords[i]
	p.objectUnmap(i, from, end, what)
	t := tree{&r.Root, r.Levels}
	w := p.walk(t, from, end)
	for e := w.first(); e != nil; e = w.next() {
		p.drop(*e)
		p.put(e, 0)
		r.Resident--
	}
	p.prune(t, from, end)
	if r.Root == 0 {
		r.Levels = 0
	}
}

// objectDiscard makes pages holes. Adopted pages cannot just go: where more than
// the end of the extent is meant they get frames of zeros.
func (p *Pager) objectDiscard(i uint32, from, pages uint64) pagerwire.Status {
	r := &p.objectRecords[i]
	end := from + pages
	adoptedEnd := min(end, r.ExtentPages)
	if from < adoptedEnd && end < r.ExtentPages {
		for index := from; index < adoptedEnd; index++ {
			e, ok := p.objectFill(i, index, false)
			if !ok {
				return pagerwire.StatusNoMemory
			}
			p.objectUnmap(i, index, index+1, notOwned)
			clear(p.bytes(e.Frame())[:])
		}
		return pagerwire.OK
	}
	if from < adoptedEnd {
		r.ExtentPages = from
	}
	p.objectDrop(i, from, end, notOwned)
	return pagerwire.OK
}

// objectPopulate gives pages frames that may be written and counts them.
func (p *Pager) objectPopulate(i uint32, from, pages uint64) (done uint64, st pagerwire.Status) {
	for ; done < pages; done++ {
		if _, ok := p.objectFill(i, from+done, false); !ok {
			return done, pagerwire.StatusNoMemory
		}
	}
	return done, pagerwire.OK
}

// rightsInObject is what an entry of an object allows in a region that maps it.
func rightsInObject(e table.Entry, r *region) table.Entry {
	rights := table.Entry(r.access)
	if r.flags&regionShared == 0 || e&table.Write == 0 {
		rights &^= table.Entry(ipc.Write)
	}
	return rights
}
