package pager

import (
	"unsafe"

	"starling/pager/table"
)

// The book-keeping of a node is in the word refs of its frame: in the low half how many
// entries are not 0 (live), in the high half how far the node is used, counted from the
// end: all entries before NodeEntries-used are 0.
const usedShift = 16

// A free node is all zeros, because an entry is only ever removed by zeroing it and
// a node is freed when it has none. So taking one clears nothing, except
// the first time (freshNode is the first that was never taken).

func (p *Pager) nodeAt(e table.Entry) *table.Node {
	return (*table.Node)(unsafe.Add(p.windowBase, e.Frame()-p.windowLow))
}

// physicalOf is the physical address of a word in the window.
func (p *Pager) physicalOf(slot *table.Entry) uint64 {
	return uint64(uintptr(unsafe.Pointer(slot))-uintptr(p.windowBase)) + p.windowLow
}

// takeNode takes an all-zero node and returns the entry that points to it.
func (p *Pager) takeNode(privileged bool) (table.Entry, bool) {
	if p.nodesFree <= p.nodeReserve && !p.growTables() && (!privileged || p.nodesFree == 0) {
		return 0, false
	}
	p.nodesFree--
	if p.freeNode != 0 {
		phys := p.low + uint64(p.freeNode-1)<<table.PageShift
		f := p.frameOf(phys)
		p.freeNode = f.next
		f.next = 0
		return table.FrameEntry(phys, 0), true
	}
	e := table.FrameEntry(p.freshNode, 0)
	p.freshNode += table.PageSize
	clear(p.nodeAt(e)[:])
	return e, true
}

// freeNodeAt frees a node that has no entries left.
func (p *Pager) freeNodeAt(e table.Entry) {
	*p.frameOf(e.Frame()) = frame{next: p.freeNode}
	p.freeNode = uint32((e.Frame()-p.low)>>table.PageShift) + 1
	p.nodesFree++
	p.header.NodesFreed++
}

// live is how many entries of a node are not 0.
func (p *Pager) live(e table.Entry) uint32 { return p.frameOf(e.Frame()).refs % (1 << usedShift) }

// grew notes n entries more in a node, the first of them at index low.
func (p *Pager) grew(e table.Entry, n, low uint64) {
	f := p.frameOf(e.Frame())
	f.refs += uint32(n)
	if used := uint32(table.NodeEntries-low) << usedShift; used > f.refs&^(1<<usedShift-1) {
		f.refs = used | f.refs%(1<<usedShift)
	}
}

// shrank notes n entries fewer in a node.
func (p *Pager) shrank(leaf *table.Node, n uint64) {
	p.frameOf(p.physicalOf(&leaf[0])).refs -= uint32(n)
}

// put writes an entry and keeps the count of its node. The root word of a record is in
// no node.
func (p *Pager) put(slot *table.Entry, e table.Entry) {
	old := *slot
	*slot = e
	if (old == 0) == (e == 0) {
		return
	}
	phys := p.physicalOf(slot)
	if phys-p.recordsLow < p.recordsEnd-p.recordsLow {
		return
	}
	if e == 0 {
		p.frameOf(phys).refs--
		return
	}
	p.grew(table.Entry(phys), 1, phys%table.PageSize/8)
}

// forget drops every entry of a tree and frees its nodes. The root is left for the caller to clear.
func (p *Pager) forget(e table.Entry, levels uint32) {
	if e == 0 {
		return
	}
	if levels == 0 {
		p.drop(e)
		return
	}
	n := p.nodeAt(e)
	book := p.frameOf(e.Frame()).refs
	left := book % (1 << usedShift)
	for i := table.NodeEntries - book>>usedShift; left > 0; i++ {
		if c := n[i%table.NodeEntries]; c != 0 {
			left--
			n[i%table.NodeEntries] = 0
			if levels > 1 {
				p.forget(c, levels-1)
			} else if c&table.Image == 0 {
				p.dropFrame(c.Frame())
			}
		}
	}
	p.freeNodeAt(e)
}
