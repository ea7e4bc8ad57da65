package mm

import (
	"golang.org/x/sys/unix"

	"starling/arch/isa"
	"starling/ipc"
	"starling/pager/client"
)

// Remap is mremap(2). target is the new address with MREMAP_FIXED.
func (s *Space) Remap(va, oldLength, newLength uint64, flags int, target uint64, lim *Limits) (uint64, unix.Errno) {
	const known = unix.MREMAP_MAYMOVE | unix.MREMAP_FIXED | unix.MREMAP_DONTUNMAP
	fixed := flags&unix.MREMAP_FIXED != 0
	keep := flags&unix.MREMAP_DONTUNMAP != 0
	if flags&^known != 0 || (fixed || keep) && flags&unix.MREMAP_MAYMOVE == 0 {
		return 0, unix.EINVAL
	}
	if keep && oldLength != newLength || va&pageMask != 0 {
		return 0, unix.EINVAL
	}
	oldLength, newLength = pageUp(oldLength), pageUp(newLength)
	if newLength == 0 {
		return 0, unix.EINVAL
	}
	if newLength > isa.TaskSize {
		return 0, unix.EINVAL
	}
	if fixed {
		switch {
		case target&pageMask != 0 || target > isa.TaskSize-newLength:
			return 0, unix.EINVAL
		case va+oldLength > target && target+newLength > va:
			return 0, unix.EINVAL
		case target < isa.MinimumAddress:
			return 0, unix.EPERM
		}
	}
	if oldLength > newLength && !fixed {
		if e := s.Unmap(va+newLength, oldLength-newLength); e != 0 {
			return 0, e
		}
		if r := s.Find(va); r == nil {
			return 0, unix.EFAULT
		}
		return va, 0
	}
	r := s.Find(va)
	if r == nil {
		return 0, unix.EFAULT
	}
	if oldLength == 0 && r.Flags&Shared == 0 {
		return 0, unix.EINVAL
	}
	if keep && (r.Object != 0 || r.Flags&special != 0) {
		return 0, unix.EINVAL
	}
	if oldLength > r.End-va || r.Flags&(VDSO|VVar|Uprobes) != 0 && newLength > oldLength {
		return 0, unix.EFAULT
	}
	if r.Flags&Uprobes != 0 {
		return 0, unix.EPERM
	}
	if e := s.mayGrow(r, oldLength, newLength, lim); e != 0 {
		return 0, e
	}
	if !fixed && !keep && oldLength != 0 && newLength == oldLength {
		return va, 0
	}
	// In place, if what follows is free.
	if !fixed && !keep && va+oldLength == r.End && s.free(r.End, newLength-oldLength) && r.Flags&GrowsDown == 0 {
		if e := s.extend(va+oldLength, newLength-oldLength); e != 0 {
			return 0, e
		}
		return va, 0
	}
	if flags&unix.MREMAP_MAYMOVE == 0 {
		return 0, unix.ENOMEM
	}
	return s.move(va, oldLength, newLength, fixed, keep, target)
}

func (s *Space) mayGrow(r *Region, oldLength, newLength uint64, lim *Limits) unix.Errno {
	if newLength <= oldLength {
		return 0
	}
	more := newLength - oldLength
	if lim.Address != ^uint64(0) && s.total<<pageShift+more > lim.Address {
		return unix.ENOMEM
	}
	if r.Flags&Locked != 0 && !lim.LockAny && s.locked<<pageShift+more > lim.Lock {
		return unix.EAGAIN
	}
	if r.Object == 0 && r.Access&ipc.Write != 0 && lim.Data != ^uint64(0) && s.dataPages()<<pageShift+more > lim.Data {
		return unix.ENOMEM
	}
	return 0
}

// extend maps more of the region that ends at va.
func (s *Space) extend(va, more uint64) unix.Errno {
	tail := *s.Find(va - 1)
	tail.Offset = tail.offsetAt(va)
	tail.Start, tail.End = va, va+more
	if st := s.m.Pager.Map(s.Pager, tail.request()); st != client.OK {
		return errno(st)
	}
	tail.hold()
	s.insert(tail)
	s.shows(va, va+more, true)
	return 0
}

// move maps the range elsewhere with its contents.
func (s *Space) move(va, oldLength, newLength uint64, fixed, keep bool, target uint64) (uint64, unix.Errno) {
	if s.book.count >= maxRegions-3 {
		return 0, unix.ENOMEM
	}
	if !fixed {
		hint, ok := uint64(0), false
		if keep && target != 0 && s.free(pageUp(target), newLength) {
			hint, ok = pageUp(target), true
		} else {
			hint, ok = s.gap(newLength)
		}
		if !ok {
			return 0, unix.ENOMEM
		}
		target = hint
	}
	if fixed && oldLength > newLength {
		if e := s.Unmap(va+newLength, oldLength-newLength); e != 0 {
			return 0, e
		}
		oldLength = newLength
	}
	src := *s.Find(va)
	moved := src
	moved.Offset = src.offsetAt(va)
	moved.Start, moved.End = target, target+newLength
	b := s.m.Pager.Batch()
	b.Map(s.Pager, moved.request())
	if oldLength != 0 {
		b.Move(s.Pager, va, oldLength>>pageShift, target)
		if keep {
			old := src
			old.Start, old.End, old.Offset = va, va+oldLength, src.offsetAt(va)
			b.Map(s.Pager, old.request())
		}
	}
	if st := b.Run(); st != client.OK {
		return 0, errno(st)
	}
	moved.hold()
	s.clearRange(target, target+newLength)
	if oldLength != 0 && !keep {
		s.clearRange(va, va+oldLength)
	}
	s.insert(moved)
	s.shows(target, target+newLength, false)
	return target, 0
}
