package pager

import (
	"starling/ipc"
	"starling/pager/table"
)

// Windows of fault-around, in pages.
const (
	// aroundPages is how far a fault looks for pages that are there already.
	aroundPages = 16
	// burstMax is the most fresh pages one fault makes.
	burstMax = 16
	// burstStart is how many the first fault behind a present page makes.
	burstStart = 4
	// burstCopies is the most pages one store copies from an object.
	burstCopies = 8
	// burstServer is what a server's heap gets at once: it grows in order, and each
	// fault stops the whole system.
	burstServer = 16
)

// fault answers a page fault.
func (p *Pager) fault(ev *ipc.Event) {
	p.header.Faults++
	class := ipc.FaultNotMapped
	if i := table.Index(uint32(ev.Badge)); int(i) < len(p.spaces) && ev.Badge != 0 && uint64(p.spaceRecords[i].ID) == ev.Badge {
		p.mapStart(&p.spaces[i])
		_, class = p.resolve(i, ev.Address>>table.PageShift, ev.Access, false)
		if class != ipc.FaultNotMapped && class != ipc.FaultNotAllowed { // then nothing has changed
			if !p.mapFlush() {
				class = ipc.FaultOutOfMemory
			}
			p.publish()
		}
	}
	reply := ipc.Reply{Token: ev.Token, Action: ipc.ActionResume}
	if class != ipc.FaultNone {
		reply.Action, reply.Class = ipc.ActionForward, class
	}
	// An error means the thread is gone: nobody is left to be told.
	p.t.Reply(reply)
}

// resolve makes a page of a space present for an access and returns its entry, or
// says why it cannot be. Mappings go through p.mapper, which the caller starts and flushes.
// force is a debugger's access: it does not ask what the region allows.
func (p *Pager) resolve(i uint32, page uint64, access ipc.Access, force bool) (table.Entry, ipc.FaultClass) {
	s := &p.spaces[i]
	ri := s.hit
	r := &p.regions[ri]
	if page-r.start >= r.end-r.start {
		if ri = p.find(s, page); ri == 0 {
			return 0, ipc.FaultNotMapped
		}
		s.hit = ri
		r = &p.regions[ri]
	}
	if access&^r.access != 0 && (!force || r.flags&regionShared != 0 && access&^r.access&ipc.Write != 0) {
		return 0, ipc.FaultNotAllowed
	}
	slot := p.spaceSlot(i, s, page)
	if slot == nil {
		return 0, ipc.FaultOutOfMemory
	}
	e := *slot
	write := access&ipc.Write != 0
	var class ipc.FaultClass
	switch {
	case e&table.Owned != 0:
		class = p.resolveOwned(i, r, page, slot, write)
	case r.object != 0:
		class = p.resolveObject(i, r, page, slot, write)
	default:
		class = p.resolveFresh(i, r, page)
	}
	if class != ipc.FaultNone {
		// The node may have been made for nothing.
		s.leaf = 0
		p.prune(p.spaceTree(i), page, page+1)
		return 0, class
	}
	return p.nodeAt(s.leaf)[page%table.NodeEntries], ipc.FaultNone
}

// resolveOwned handles a page that has a frame of the space: a store to a frame
// shared since a fork copies it; all else is a mapping the kernel does not have yet.
func (p *Pager) resolveOwned(i uint32, r *region, page uint64, slot *table.Entry, write bool) ipc.FaultClass {
	e := *slot
	if !write {
		p.mapAround(i, r, page)
		return ipc.FaultNone
	}
	phys := e.Frame()
	if p.frameOf(phys).refs > 1 {
		n, ok := p.takeFrame(p.spaces[i].adopted)
		if !ok {
			return ipc.FaultOutOfMemory
		}
		*p.bytes(n) = *p.bytes(phys)
		p.header.Copies++
		p.dropFrame(phys)
		phys = n
	}
	p.installMapped(i, slot, page, table.FrameEntry(phys, table.Owned|table.Entry(r.access)))
	return ipc.FaultNone
}

// installMapped installs an entry and has the kernel map it, if it allows anything.
func (p *Pager) installMapped(i uint32, slot *table.Entry, page uint64, e table.Entry) {
	if e&table.Rights == 0 {
		if *slot&table.Mapped != 0 {
			p.kernelUnmap(&p.spaces[i], page, 1)
		}
		p.install(i, slot, e)
		return
	}
	e |= table.Mapped
	p.install(i, slot, e)
	p.mapPage(page, e)
}

// resolveFresh handles the first touch of anonymous memory: frames of zeros, more
// than one when the program goes through memory in order.
func (p *Pager) resolveFresh(i uint32, r *region, page uint64) ipc.FaultClass {
	s := &p.spaces[i]
	first, count := p.burst(s, r, page)
	node, base := p.nodeAt(s.leaf), page&^(table.NodeEntries-1)
	flags := table.Owned | table.Entry(r.access)
	if flags&table.Rights != 0 {
		flags |= table.Mapped
	}
	made, low := uint64(0), first-base
	for k := first - base; k < first+count-base; k++ {
		if node[k%table.NodeEntries] != 0 {
			continue
		}
		phys, ok := p.takeFrame(s.adopted)
		if !ok {
			break
		}
		clear(p.bytes(phys)[:])
		e := table.FrameEntry(phys, flags)
		node[k%table.NodeEntries] = e
		if flags&table.Mapped != 0 {
			p.mapPage(base+k, e)
		}
		made++
	}
	p.grew(s.leaf, made, low)
	p.gained(i, made, made)
	p.header.FaultPages += made
	if node[page%table.NodeEntries] == 0 {
		return ipc.FaultOutOfMemory
	}
	s.nextFault, s.burst = first+count, uint32(count)
	return ipc.FaultNone
}

// short says that frames are few and there will be no more.
func (p *Pager) short() bool {
	return p.framesFree < p.frameReserve+4*burstMax && p.forData() == 0
}

// burst decides which pages a first touch of page makes present: [first, first+count),
// inside of the region and of the node of page, and page among them.
func (p *Pager) burst(s *space, r *region, page uint64) (first, count uint64) {
	at := page % table.NodeEntries
	leaf := p.nodeAt(s.leaf)
	n := uint64(1)
	down := false
	switch {
	case s.adopted:
		n = burstServer
	case p.short():
		return page, 1
	case page == s.nextFault:
		n = min(uint64(s.burst)*2+1, burstMax)
	case at > 0 && page > r.start && leaf[at-1] != 0:
		n = burstStart
	case at < table.NodeEntries-1 && page+1 < r.end && leaf[at+1] != 0:
		n, down = burstStart, true
	}
	node := page - at
	if down {
		first = max(page-min(page, n-1), r.start, node)
		return first, page - first + 1
	}
	return page, min(n, r.end-page, node+table.NodeEntries-page)
}

// mapAround maps a page that has a frame (once more, if it was told already), and its neighbours that have one too but
// are not known to the kernel: after a fork all of a child's pages are like that.
// Rights in entries are always up to date, so they go to the kernel as they are.
func (p *Pager) mapAround(i uint32, r *region, page uint64) {
	node := p.nodeAt(p.spaces[i].leaf)
	first, end := around(r, page)
	for q := first; q < end; q++ {
		slot := &node[q%table.NodeEntries]
		if e := *slot; e&table.Rights != 0 && (e&table.Mapped == 0 || q == page) {
			*slot = e | table.Mapped
			p.mapPage(q, e)
		}
	}
}

// around is the aligned window of aroundPages that holds page, cut to the region.
// It never leaves the node of page.
func around(r *region, page uint64) (first, end uint64) {
	first = page &^ (aroundPages - 1)
	return max(first, r.start), min(first+aroundPages, r.end)
}

// resolveObject handles a page that shows the object, or nothing yet.
func (p *Pager) resolveObject(i uint32, r *region, page uint64, slot *table.Entry, write bool) ipc.FaultClass {
	s, e := &p.spaces[i], *slot
	shared := r.flags&regionShared != 0
	if e != 0 && (!write || shared && e&table.Write != 0) {
		p.mapAround(i, r, page)
		return ipc.FaultNone
	}
	o, index := r.object-1, r.offset+(page-r.start)
	if index >= pagesOf(p.objectRecords[o].Size) {
		return ipc.FaultPastEnd
	}
	if write && !shared {
		return p.copyFromObject(i, r, page)
	}
	if write || p.objectPage(o, index) == 0 {
		if _, ok := p.objectFill(o, index, s.adopted); !ok {
			return ipc.FaultOutOfMemory
		}
		// Filling an adopted page unmaps it everywhere, here too, and may free our node.
		if p.spaceSlot(i, s, page) == nil {
			return ipc.FaultOutOfMemory
		}
	}
	p.mapObjectAround(i, r, page)
	return ipc.FaultNone
}

// copyFromObject makes the private copy of a page that shows the object, or would. A
// program that writes its data in order gets the next pages with it, if the region allows.
func (p *Pager) copyFromObject(i uint32, r *region, page uint64) ipc.FaultClass {
	s, o := &p.spaces[i], &p.objectRecords[r.object-1]
	node := p.nodeAt(s.leaf)
	count := uint64(1)
	if r.flags&regionCopyAhead != 0 && page == s.nextFault && !p.short() {
		count = min(uint64(s.burst)*2+1, burstCopies)
	}
	count = min(count, r.end-page, table.NodeEntries-page%table.NodeEntries, pagesOf(o.Size)-(r.offset+(page-r.start)))
	for q := page; q < page+count; q++ {
		slot := &node[q%table.NodeEntries]
		old := *slot
		if old&table.Owned != 0 {
			count = q - page
			break
		}
		phys, ok := p.takeFrame(s.adopted)
		if !ok {
			return ipc.FaultOutOfMemory
		}
		p.header.FaultPages++
		if src := p.pageOfObject(o, r.offset+(q-r.start)); src != 0 {
			*p.bytes(phys) = *p.bytes(src.Frame())
			p.header.Copies++
		} else {
			clear(p.bytes(phys)[:])
		}
		if old != 0 {
			p.drop(old)
		}
		p.installMapped(i, slot, q, table.FrameEntry(phys, table.Owned|table.Entry(r.access)))
	}
	r.flags |= regionCopied
	s.nextFault, s.burst = page+count, uint32(count)
	return ipc.FaultNone
}

// mapObjectAround shows the object at page, which it has, and at those
// neighbours that it has and that show nothing yet.
func (p *Pager) mapObjectAround(i uint32, r *region, page uint64) {
	leaf := p.spaces[i].leaf
	node, base := p.nodeAt(leaf), page&^(table.NodeEntries-1)
	o := &p.objectRecords[r.object-1]
	first, end := around(r, page)
	// page is inside of the object, so the object reaches into the region.
	end = min(end, r.start+(pagesOf(o.Size)-r.offset)) - base
	shown, low := uint64(0), uint64(table.NodeEntries)
	for k := first - base; k < end; k++ {
		if node[k%table.NodeEntries] != 0 {
			continue
		}
		e := p.pageOfObject(o, r.offset+(base+k-r.start))
		if e == 0 {
			continue
		}
		e = e&^table.Rights | rightsInObject(e, r)
		p.hold(e)
		if e&table.Rights != 0 {
			e |= table.Mapped
			p.mapPage(base+k, e)
		}
		node[k%table.NodeEntries] = e
		shown, low = shown+1, min(low, k)
	}
	if shown > 0 {
		p.grew(leaf, shown, low)
		p.gained(i, shown, 0)
		p.header.FaultPages += shown
	}
}
