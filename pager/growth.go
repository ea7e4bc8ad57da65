package pager

import (
	"starling/ipc"
	"starling/pager/table"
)

// Some memory is undecided at first: never mapped, so that it can still become
// anything. Data takes it in large pieces, tables and the kernel in small ones, when
// they have run out. It never comes back: what was mapped the kernel does not accept.
// Data leaves a part of it alone, so that a program that fills the memory does not keep
// others from being started. The less is left, the smaller are the pieces: what one purpose
// takes too much is lost for the others.

// leastGrowth in pages is the smallest piece for data and tables, as long as there is so much.
const leastGrowth = 16

// cut takes up to n pages off the end of what is undecided. The last page stays: a
// capability cannot be split into nothing.
func (p *Pager) cut(n uint64) (area, bool) {
	if n = min(n, max(p.spare.pages(), 1)-1); n == 0 {
		return area{}, false
	}
	h, err := p.t.MemorySplit(p.spare.handle, n)
	if err != nil {
		return area{}, false
	}
	a := area{h, p.spare.end - n<<table.PageShift, p.spare.end}
	p.spare.end = a.base
	return a, true
}

// cutData is cut for data: it begins at a large page, where there are some, because
// the window maps it with large pages then.
func (p *Pager) cutData(n uint64) (area, bool) {
	const large = 512 // pages
	if first := p.spare.end>>table.PageShift - n; n > 2*large {
		n -= -first % large
	}
	return p.cut(n)
}

// grant gives the kernel up to n pages. False when there is none. It takes nothing of the
// kernel's own memory, as a cut does: it is what a kernel gets that has none left.
func (p *Pager) grant(n uint64) bool {
	if n = min(n, p.spare.pages()); n == 0 || p.t.MemoryGrant(p.spare.handle, n) != nil {
		return false
	}
	p.spare.end -= n << table.PageShift
	p.granted += n
	p.spend(n)
	if p.header != nil {
		p.header.GrantsTotal = p.granted
	}
	return true
}

// stock makes sure that the kernel can note one more piece, and show its n pages in every window:
// what was cut and cannot be shown everywhere would be lost for good.
func (p *Pager) stock(n uint64) bool {
	// In each window the tables of the pages, which may begin anywhere, and two levels above;
	// and an object and a slot for the capability.
	need := uint64(2)
	for i := range p.spaces {
		if p.spaces[i].window != 0 && p.spaceRecords[i].ID != 0 {
			need += n/table.NodeEntries + 4
		}
	}
	if p.own != 0 {
		need += n/table.NodeEntries + 4
	}
	free := p.t.KernelFree()
	return free >= need || p.grant(max(need-free, grantChunk)) && p.t.KernelFree() >= need
}

// spend notes that tables or the kernel got pages of what data leaves alone.
func (p *Pager) spend(n uint64) { p.keep -= min(p.keep, n) }

// forData is how many pages data may still take.
func (p *Pager) forData() uint64 {
	return p.spare.pages() - min(p.spare.pages(), p.keep+1)
}

// growData makes more frames. False when nothing may be taken.
func (p *Pager) growData() bool {
	n := min(p.total*growShare/64, max(p.spare.pages()/4, leastGrowth), p.forData())
	if n == 0 || len(p.data) == maxAreas || !p.stock(n) {
		return false
	}
	a, ok := p.cutData(min(n, p.forData()))
	if !ok {
		return false
	}
	p.data = append(p.data, a)
	if !p.showAll(a, windowData, ipc.Read|ipc.Write) {
		// Some window lacks it: nobody may get these frames.
		return false
	}
	p.addFrames(a)
	return true
}

// growTables makes more nodes. False when nothing is left.
func (p *Pager) growTables() bool {
	n := min(max(p.total*tablesShare/64, leastGrowth), 1024, max(p.spare.pages()/8, leastGrowth))
	if len(p.tables) == maxAreas || !p.stock(n) {
		return false
	}
	a, ok := p.cut(n)
	if !ok {
		return false
	}
	p.spend(a.pages())
	p.tables = append(p.tables, a)
	if !p.showAll(a, windowTables, ipc.Read) {
		return false
	}
	p.addNodes(a)
	return true
}

// showAll maps a new area into the pager's own window and into all others that show
// such memory.
func (p *Pager) showAll(a area, part uint8, access ipc.Access) bool {
	if p.own != 0 && p.show(p.own, a, ipc.Read|ipc.Write) != nil {
		return false
	}
	for i := range p.spaces {
		if p.spaceRecords[i].ID == 0 || p.spaces[i].window&part == 0 {
			continue
		}
		// A space that is gone shows nothing and is no obstacle.
		if err := p.show(p.spaces[i].handle, a, access); err == ipc.ErrMemory || err == ipc.ErrFull {
			return false
		}
	}
	return true
}

// addFrames puts the frames of an area on the free list, the lowest first.
func (p *Pager) addFrames(a area) {
	for at := a.end; at > a.base; {
		at -= table.PageSize
		p.releaseFrame(at)
	}
	p.framesTotal += a.pages()
}

// addNodes adds an area to the nodes. Nodes are cleared when they are first
// taken; those of the area before that never were are cleared now.
func (p *Pager) addNodes(a area) {
	for ; p.freshNode < p.freshEnd; p.freshNode += table.PageSize {
		e := table.FrameEntry(p.freshNode, 0)
		clear(p.nodeAt(e)[:])
		p.freeNodeAt(e)
		p.nodesFree-- // they were counted as free already
	}
	p.freshNode, p.freshEnd = a.base, a.end
	p.nodesFree += a.pages()
	p.nodesTotal += a.pages()
	if p.header != nil {
		p.header.TablesTotal += a.pages()
	}
}
