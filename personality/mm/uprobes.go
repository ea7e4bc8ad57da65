package mm

import (
	"math/bits"

	"golang.org/x/sys/unix"

	"starling/arch/isa"
	"starling/ipc"
	"starling/pager/client"
)

// shows tells uprobes that files may be seen in [start, end) now; fresh: with the contents of the files.
func (s *Space) shows(start, end uint64, fresh bool) {
	if s.m.Mapped != nil && s.Pager != 0 {
		s.m.Mapped(s, start, end, fresh)
	}
}

// MakeArea maps the area of uprobes: a page of breakpoint and copies of instructions that only
// the personality writes. at is where, 0: anywhere.
func (s *Space) MakeArea(at uint64) unix.Errno {
	if at == 0 {
		var ok bool
		if at, ok = s.gap(pageSize); !ok {
			return unix.ENOMEM
		}
	} else if !s.free(at, pageSize) {
		return unix.ENOMEM
	}
	o, st := s.m.Pager.ObjectCreate(pageSize)
	if st != client.OK {
		return errno(st)
	}
	if n, st := s.m.Pager.ObjectPopulate(o, 0, 1); st != client.OK || n != 1 {
		s.m.Pager.ObjectDestroy(o)
		return unix.ENOMEM
	}
	r := Region{Start: at, End: at + pageSize, Access: ipc.Execute, May: ipc.Execute,
		Flags: Uprobes | Shared | NoFork | NoDump, Object: o}
	b := s.m.Pager.Batch()
	b.Map(s.Pager, r.request())
	b.ObjectDestroy(o) // the mapping keeps it
	if st := b.Run(); st != client.OK {
		return errno(st)
	}
	s.insert(r)
	s.Area, s.area, s.areaSlots = at, o, 1 // the first slot is the trampoline
	s.areaCode = nil
	if p, _ := s.m.Pager.ObjectPage(o, 0); p != nil {
		p[0] = isa.Breakpoint
	}
	return 0
}

// areaSlots is how many slots the area has.
const areaSlots = 32

// TakeSlot takes a slot of the area; false: all are in use.
func (s *Space) TakeSlot() (slot uint32, ok bool) {
	n := bits.TrailingZeros32(^s.areaSlots)
	if n == areaSlots {
		return 0, false
	}
	s.areaSlots |= 1 << n
	return uint32(n), true
}

// GiveSlot gives a slot back.
func (s *Space) GiveSlot(slot uint32) { s.areaSlots &^= 1 << slot }

// SlotAddress is where a slot lies.
func (s *Space) SlotAddress(slot uint32) uint64 { return s.Area + uint64(slot)*isa.ProbeSlot }

// FillSlot puts the copy of an instruction into a slot, unless it is there. A program that has unmapped
// the area has none.
func (s *Space) FillSlot(slot uint32, code *isa.Probed) {
	if s.areaCode == nil {
		s.areaCode = new([areaSlots]*isa.Probed)
	}
	if s.areaCode[slot] == code {
		return
	}
	if p, _ := s.m.Pager.ObjectPage(s.area, 0); p != nil {
		copy(p[slot*isa.ProbeSlot:][:isa.ProbeSlot], code.Code[:code.Length])
		s.areaCode[slot] = code
	}
}

// Probeable reports whether breakpoints may be in a region: it shows a file, may be executed, and nobody else
// writes there. Planted they are only where the program does not write either (valid_vma of Linux).
func (r *Region) Probeable(planting bool) bool {
	return r.File != nil && r.Flags&Shared == 0 && r.May&ipc.Execute != 0 && (!planting || r.Access&ipc.Write == 0)
}

// OffsetAt is the offset in the file of an address of the region.
func (r *Region) OffsetAt(va uint64) uint64 { return r.Offset + va - r.Start }

// AddressOf is where an offset of the file is in the region; false: elsewhere.
func (r *Region) AddressOf(offset uint64) (uint64, bool) {
	if offset < r.Offset || offset-r.Offset >= r.Len() {
		return 0, false
	}
	return r.Start + offset - r.Offset, true
}

// Writable reports whether the program may write there.
func (r *Region) Writable() bool { return r.Access&ipc.Write != 0 }
