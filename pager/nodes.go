package pager

import (
	"unsafe"

	"starling/pager/table"
)

// node is the book-keeping of one table node.
type node struct {
	next uint32 // links free nodes: index + 1, 0 ends
	live uint16 // entries that are not 0
	// used counts from the end: all entries before NodeEntries-used are 0.
	used uint16
}

// A free node is all zeros, because an entry is only ever removed by zeroing it and
// a node is freed when it has none. So taking one clears nothing, except
// the first time (fresh counts the nodes taken at least once).

func (p *Pager) nodeAt(e table.Entry) *table.Node {
	return (*table.Node)(unsafe.Add(p.windowBase, e.Frame()-p.windowLow))
}

// nodeIndex is the node that the slot lies in; out of range when it lies in none:
// the root word of a record.
func (p *Pager) nodeIndex(slot *table.Entry) uint64 {
	return uint64(uintptr(unsafe.Pointer(slot))-uintptr(p.nodeMemory)) >> table.PageShift
}

// takeNode takes an all-zero node and returns the entry that points to it.
func (p *Pager) takeNode(privileged bool) (table.Entry, bool) {
	if p.nodesFree <= p.nodeReserve && (!privileged || p.nodesFree == 0) {
		return 0, false
	}
	p.nodesFree--
	var i uint32
	if p.freeNode != 0 {
		i = p.freeNode - 1
		p.freeNode = p.nodes[i].next
		p.nodes[i].next = 0
	} else {
		i = p.freshNode
		p.freshNode++
		clear(p.nodeAt(table.Entry(p.nodeBase + uint64(i)<<table.PageShift))[:])
	}
	return table.FrameEntry(p.nodeBase+uint64(i)<<table.PageShift, 0), true
}

// freeNodeAt frees a node that has no entries left.
func (p *Pager) freeNodeAt(e table.Entry) {
	i := uint32((e.Frame() - p.nodeBase) >> table.PageShift)
	p.nodes[i] = node{next: p.freeNode}
	p.freeNode = i + 1
	p.nodesFree++
}

func (p *Pager) live(e table.Entry) uint16 {
	return p.nodes[(e.Frame()-p.nodeBase)>>table.PageShift].live
}

// put writes an entry and keeps the count of its node.
func (p *Pager) put(slot *table.Entry, e table.Entry) {
	old := *slot
	*slot = e
	if (old == 0) == (e == 0) {
		return
	}
	if i := p.nodeIndex(slot); i < uint64(len(p.nodes)) {
		n := &p.nodes[i]
		if e == 0 {
			n.live--
			return
		}
		n.live++
		if used := uint16(table.NodeEntries - uintptr(unsafe.Pointer(slot))/unsafe.Sizeof(e)%table.NodeEntries); used > n.used {
			n.used = used
		}
	}
}

// grew notes n entries that were written into a node without put, the first of
// them at index low.
func (p *Pager) grew(e table.Entry, n, low uint64) {
	b := &p.nodes[(e.Frame()-p.nodeBase)>>table.PageShift]
	b.live += uint16(n)
	b.used = max(b.used, uint16(table.NodeEntries-low))
}

// shrank notes n entries that were zeroed in a node without put.
func (p *Pager) shrank(leaf *table.Node, n uint64) {
	p.nodes[p.nodeIndex(&leaf[0])].live -= uint16(n)
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
	b := &p.nodes[(e.Frame()-p.nodeBase)>>table.PageShift]
	left := b.live
	for i := uint32(table.NodeEntries - b.used); left > 0; i++ {
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
