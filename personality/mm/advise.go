package mm

import (
	"golang.org/x/sys/unix"

	"starling/arch/isa"
	"starling/ipc"
	"starling/pager/client"
	"starling/pager/table"
)

// Advise is madvise(2).
func (s *Space) Advise(va, length uint64, advice int) unix.Errno {
	switch advice {
	case unix.MADV_NORMAL, unix.MADV_RANDOM, unix.MADV_SEQUENTIAL, unix.MADV_WILLNEED, unix.MADV_DONTNEED,
		unix.MADV_FREE, unix.MADV_REMOVE, unix.MADV_DONTFORK, unix.MADV_DOFORK, unix.MADV_HUGEPAGE,
		unix.MADV_NOHUGEPAGE, unix.MADV_DONTDUMP, unix.MADV_DODUMP, unix.MADV_WIPEONFORK, unix.MADV_KEEPONFORK,
		unix.MADV_COLD, unix.MADV_PAGEOUT, unix.MADV_POPULATE_READ, unix.MADV_POPULATE_WRITE:
	default:
		return unix.EINVAL
	}
	if va&pageMask != 0 {
		return unix.EINVAL
	}
	n := pageUp(length)
	if n < length || va+n < va {
		return unix.EINVAL
	}
	if n == 0 {
		return 0
	}
	end := va + n
	if advice == unix.MADV_POPULATE_READ || advice == unix.MADV_POPULATE_WRITE {
		return s.populate(va, end, advice == unix.MADV_POPULATE_WRITE)
	}
	hole := !s.covered(va, end)
	// What is mapped is advised in any case, then a hole is reported.
	for at := va; at < end; {
		n := s.book.after(at) // the one before may have been split
		if n == nil || n.Start >= end {
			break
		}
		from, to := max(at, n.Start), min(end, n.End)
		if e := s.adviseRegion(&n.Region, from, to, advice); e != 0 {
			return e
		}
		at = to
	}
	s.mergeRange(va, end)
	if hole {
		return unix.ENOMEM
	}
	return 0
}

func (s *Space) adviseRegion(r *Region, from, to uint64, advice int) unix.Errno {
	switch advice {
	case unix.MADV_DONTNEED:
		if r.Flags&Locked != 0 {
			return unix.EINVAL
		}
		e := errno(s.m.Pager.Discard(s.Pager, from, (to-from)>>pageShift))
		s.shows(from, to, true)
		return e
	case unix.MADV_FREE:
		if r.Object != 0 || r.Flags&Shared != 0 {
			return unix.EINVAL
		}
		return errno(s.m.Pager.Discard(s.Pager, from, (to-from)>>pageShift))
	case unix.MADV_REMOVE:
		if r.Flags&Locked != 0 || r.Flags&Shared == 0 || r.Object == 0 {
			return unix.EINVAL
		}
		if r.May&ipc.Write == 0 {
			return unix.EACCES
		}
		return errno(s.m.Pager.ObjectDiscard(r.Object, r.offsetAt(from)>>pageShift, (to-from)>>pageShift))
	case unix.MADV_PAGEOUT, unix.MADV_COLD:
		if r.Flags&Locked != 0 {
			return unix.EINVAL
		}
		return 0
	case unix.MADV_WILLNEED, unix.MADV_HUGEPAGE, unix.MADV_NOHUGEPAGE:
		return 0
	}
	if r.Flags&Uprobes != 0 && (advice == unix.MADV_DOFORK || advice == unix.MADV_DODUMP) {
		return unix.EINVAL // it belongs to this space alone
	}
	set, drop := Flags(0), Flags(0)
	switch advice {
	case unix.MADV_NORMAL:
		drop = Random | Sequential
	case unix.MADV_RANDOM:
		set, drop = Random, Sequential
	case unix.MADV_SEQUENTIAL:
		set, drop = Sequential, Random
	case unix.MADV_DONTFORK:
		set = NoFork
	case unix.MADV_DOFORK:
		drop = NoFork
	case unix.MADV_DONTDUMP:
		set = NoDump
	case unix.MADV_DODUMP:
		drop = NoDump
	case unix.MADV_WIPEONFORK:
		if r.Object != 0 || r.Flags&Shared != 0 {
			return unix.EINVAL
		}
		set = Wipe
	case unix.MADV_KEEPONFORK:
		drop = Wipe
	}
	s.setFlags(from, to, set, drop)
	return 0
}

// setFlags changes flags of [from, to), which lies in one region.
func (s *Space) setFlags(from, to uint64, set, drop Flags) {
	r := s.Find(from)
	if r.Flags&set == set && r.Flags&drop == 0 {
		return
	}
	s.split(from)
	s.split(to)
	r = s.Find(from)
	r.Flags = r.Flags&^drop | set
}

// populate is MADV_POPULATE_READ and MADV_POPULATE_WRITE.
func (s *Space) populate(va, end uint64, write bool) unix.Errno {
	if !s.covered(va, end) {
		return unix.ENOMEM
	}
	for va < end {
		r := s.Find(va)
		access := ipc.Read
		if write {
			access = ipc.Write
		}
		if r.Access&access == 0 {
			return unix.EINVAL
		}
		access |= ipc.Read
		to := min(end, r.End)
		n, st := s.m.Pager.Populate(s.Pager, va, (to-va)>>pageShift, access)
		if st == client.NoMemory {
			return unix.ENOMEM
		}
		if st != client.OK || n < (to-va)>>pageShift {
			return unix.EFAULT
		}
		va = to
	}
	return 0
}

// Lock is mlock(2) and mlock2(2); lazy is MLOCK_ONFAULT.
func (s *Space) Lock(va, length uint64, lazy bool, lim *Limits) unix.Errno {
	start, end := va&^pageMask, pageUp(va+length)
	if va+length < va || end < start {
		return unix.EINVAL
	}
	if !lim.LockAny {
		if lim.Lock == 0 {
			return unix.EPERM
		}
		if s.locked<<pageShift+(end-start)-s.lockedIn(start, end)<<pageShift > lim.Lock {
			return unix.ENOMEM
		}
	}
	if start == end {
		return 0
	}
	if !s.covered(start, end) {
		return unix.ENOMEM
	}
	s.eachIn(start, end, func(from, to uint64) { s.setLocked(from, to, true) })
	s.mergeRange(start, end)
	if lazy {
		return 0
	}
	return s.fill(start, end)
}

// fill makes locked memory present; what cannot be is ENOMEM.
func (s *Space) fill(start, end uint64) (e unix.Errno) {
	s.eachIn(start, end, func(from, to uint64) {
		r := s.Find(from)
		if access := hardware(r.Access); access != 0 && e == 0 {
			if r.Flags&Shared != 0 {
				access &^= ipc.Write
			}
			if n, st := s.m.Pager.Populate(s.Pager, from, (to-from)>>pageShift, access); st != client.OK || n < (to-from)>>pageShift {
				e = unix.ENOMEM
			}
		}
	})
	return e
}

// Unlock is munlock(2).
func (s *Space) Unlock(va, length uint64) unix.Errno {
	start, end := va&^pageMask, pageUp(va+length)
	if va+length < va || end < start {
		return unix.EINVAL
	}
	hole := !s.covered(start, end)
	s.eachIn(start, end, func(from, to uint64) { s.setLocked(from, to, false) })
	s.mergeRange(start, end)
	if hole && start != end {
		return unix.ENOMEM
	}
	return 0
}

// LockAll is mlockall(2); UnlockAll undoes it.
func (s *Space) LockAll(current, future, lazy bool, lim *Limits) unix.Errno {
	if !lim.LockAny {
		if lim.Lock == 0 {
			return unix.EPERM
		}
		if current && s.total<<pageShift > lim.Lock {
			return unix.ENOMEM
		}
	}
	s.LockFuture = future
	if current {
		s.eachIn(0, isa.TaskSize, func(from, to uint64) { s.setLocked(from, to, true) })
		s.mergeRange(0, isa.TaskSize)
		if !lazy {
			s.fill(0, isa.TaskSize)
		}
	}
	return 0
}

// UnlockAll is munlockall(2).
func (s *Space) UnlockAll() {
	s.LockFuture = false
	s.eachIn(0, isa.TaskSize, func(from, to uint64) { s.setLocked(from, to, false) })
	s.mergeRange(0, isa.TaskSize)
}

// eachIn calls fn for the part of each region that lies in [start, end). fn may split.
func (s *Space) eachIn(start, end uint64, fn func(from, to uint64)) {
	for start < end {
		n := s.book.after(start)
		if n == nil || n.Start >= end {
			return
		}
		from, to := max(start, n.Start), min(end, n.End)
		fn(from, to)
		start = to
	}
}

func (s *Space) setLocked(from, to uint64, on bool) {
	r := s.Find(from)
	if r.Flags&Locked != 0 == on || on && r.Flags&(VDSO|VVar) != 0 {
		return
	}
	pages := (to - from) >> pageShift
	if on {
		s.setFlags(from, to, Locked, 0)
		s.locked += pages
	} else {
		s.setFlags(from, to, 0, Locked)
		s.locked -= pages
	}
}

func (s *Space) lockedIn(start, end uint64) (n uint64) {
	for r := range s.RegionsIn(start, end) {
		if r.Flags&Locked != 0 {
			n += (min(end, r.End) - max(start, r.Start)) >> pageShift
		}
	}
	return n
}

// Residency fills vec with 1 for each page from va on that is in memory (mincore(2)).
func (s *Space) Residency(va uint64, vec []byte) unix.Errno {
	for i := range vec {
		r := s.Find(va)
		if r == nil {
			return unix.ENOMEM
		}
		vec[i] = 0
		if _, e := s.m.Pager.SpacePage(s.Pager, va); e&table.Present != 0 {
			vec[i] = 1
		} else if r.Object != 0 {
			if p, _ := s.m.Pager.ObjectPage(r.Object, r.offsetAt(va)>>pageShift); p != nil {
				vec[i] = 1
			}
		}
		va += pageSize
	}
	return 0
}

// Sync is msync(2). Memory objects are the files: there is nothing to write.
func (s *Space) Sync(va, length uint64, flags int) unix.Errno {
	const known = unix.MS_ASYNC | unix.MS_SYNC | unix.MS_INVALIDATE
	if flags&^known != 0 || va&pageMask != 0 || flags&unix.MS_ASYNC != 0 && flags&unix.MS_SYNC != 0 {
		return unix.EINVAL
	}
	n := pageUp(length)
	if n < length || va+n < va {
		return unix.ENOMEM
	}
	if n == 0 {
		return 0
	}
	if !s.covered(va, va+n) {
		return unix.ENOMEM
	}
	if flags&unix.MS_INVALIDATE != 0 && s.lockedIn(va, va+n) != 0 {
		return unix.EBUSY
	}
	return 0
}
