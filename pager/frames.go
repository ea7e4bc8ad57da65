package pager

import (
	"unsafe"

	"starling/pager/table"
)

// frame is the book-keeping of one frame of data.
type frame struct {
	// refs counts the tree entries that hold the frame: of spaces and of one object.
	// Of a node it is live and used (nodes.go).
	refs uint32
	// next links free frames, and free nodes: index + 1, 0 ends.
	next uint32
}

// frameOf is the book-keeping of the frame at a physical address that we were given.
func (p *Pager) frameOf(phys uint64) *frame {
	return &p.frames[(phys-p.low)>>table.PageShift]
}

// bytes is the content of the frame at phys, which is one of ours.
func (p *Pager) bytes(phys uint64) *table.Page {
	return (*table.Page)(unsafe.Add(p.windowBase, phys-p.windowLow))
}

// takeFrame takes a frame off the free list with one reference, its content
// undefined. The last frames are kept for servers: privileged may have them.
func (p *Pager) takeFrame(privileged bool) (phys uint64, ok bool) {
	if p.framesFree <= p.frameReserve && !p.growData() && (!privileged || p.framesFree == 0) {
		return 0, false
	}
	i := p.freeFrame - 1
	f := &p.frames[i]
	p.freeFrame = f.next
	f.next = 0
	f.refs = 1
	p.framesFree--
	return p.low + uint64(i)<<table.PageShift, true
}

// dropFrame takes one reference away and frees the frame with the last.
func (p *Pager) dropFrame(phys uint64) {
	f := p.frameOf(phys)
	if f.refs--; f.refs == 0 {
		p.releaseFrame(phys)
	}
}

// releaseFrame puts a frame without references on the free list.
func (p *Pager) releaseFrame(phys uint64) {
	f := p.frameOf(phys)
	f.next = p.freeFrame
	p.freeFrame = uint32((phys-p.low)>>table.PageShift) + 1
	p.framesFree++
}

// drop gives up what an entry of a space or an object holds. The boot image's
// frames belong to nobody.
func (p *Pager) drop(e table.Entry) {
	if e&table.Image == 0 {
		p.dropFrame(e.Frame())
	}
}

// hold adds the reference a new entry needs.
func (p *Pager) hold(e table.Entry) {
	if e&table.Image == 0 {
		p.frameOf(e.Frame()).refs++
	}
}
