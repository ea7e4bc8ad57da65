package bpf

import "slices"

// Sizes of stacks: bytes of one frame, and how deep functions call each other.
const (
	stackSize = 512
	maxFrames = 8
	slotBytes = 8
)

// cell is what is in 8 bytes of stack.
type cell struct {
	// bytes says of each byte whether it was written. With saved, the 8 bytes are a
	// register that was spilled.
	bytes [slotBytes]mark
	saved value
}

type mark uint8

const (
	markNone  mark = iota
	markData       // some number
	markZero       // 0
	markSaved      // part of cell.saved
)

// frame is one function being executed.
type frame struct {
	regs  [regCount]value
	cells []cell // from the top of the stack down, as many as were used
	back  int32  // instruction to return to
}

// path is the state of the abstract machine at an instruction.
type path struct {
	at     int32
	frames []frame
	owed   []uint32 // ids of records that have to be submitted or discarded
	from   *fork
}

// fork is a state that was passed, kept to recognise states that it covers. open counts the
// ways from there that were not followed to their ends.
type fork struct {
	parent *fork
	open   int
	frames []frame
	owed   []uint32
}

func (p *path) top() *frame { return &p.frames[len(p.frames)-1] }

// copyFrames is a copy that shares nothing.
func copyFrames(list []frame) []frame {
	c := slices.Clone(list)
	for i := range c {
		c[i].cells = slices.Clone(c[i].cells)
	}
	return c
}

// split is a copy of the path that goes on elsewhere.
func (p *path) split(at int32) *path {
	return &path{at: at, frames: copyFrames(p.frames), owed: slices.Clone(p.owed), from: p.from}
}

// covers reports whether whatever holds in p was followed from f.
func (f *fork) covers(p *path) bool {
	if len(f.frames) != len(p.frames) || len(f.owed) != len(p.owed) {
		return false
	}
	var m matcher
	for i := range f.frames {
		a, b := &f.frames[i], &p.frames[i]
		if a.back != b.back {
			return false
		}
		for r := range a.regs {
			if !m.covers(&a.regs[r], &b.regs[r]) {
				return false
			}
		}
		for c := range a.cells {
			if c >= len(b.cells) {
				if a.cells[c] != (cell{}) {
					return false
				}
				continue
			}
			if !m.coversCell(&a.cells[c], &b.cells[c]) {
				return false
			}
		}
	}
	for i := range f.owed {
		if !m.same(f.owed[i], p.owed[i]) {
			return false
		}
	}
	return true
}

func (m *matcher) coversCell(a, b *cell) bool {
	for i := range a.bytes {
		switch a.bytes[i] {
		case markNone:
		case markData:
			if b.bytes[i] == markNone || b.bytes[i] == markSaved && b.saved.kind != kindNumber {
				return false
			}
		case markZero:
			if b.bytes[i] != markZero {
				return false
			}
		case markSaved:
			if b.bytes[i] != markSaved || !m.covers(&a.saved, &b.saved) {
				return false
			}
		}
	}
	return true
}

// same reports whether p is f's state exactly: then nothing has happened between the two.
func (f *fork) same(p *path) bool {
	if len(f.frames) != len(p.frames) || !slices.Equal(f.owed, p.owed) {
		return false
	}
	for i := range f.frames {
		a, b := &f.frames[i], &p.frames[i]
		if a.back != b.back || a.regs != b.regs || !slices.Equal(a.cells, b.cells) {
			return false
		}
	}
	return true
}
