package vfs

import (
	"math"
	"slices"

	"golang.org/x/sys/unix"

	"starling/personality/wait"
)

// LockKind tells the three kinds of file locks apart. Record locks of processes and
// of descriptions conflict with each other, flock(2)'s only among themselves.
type LockKind uint32

const (
	LockProcess     LockKind = iota // fcntl F_SETLK: owned by the descriptor table
	LockDescription                 // fcntl F_OFD_SETLK: owned by the open file description
	LockFlock                       // flock(2)
)

// LockEnd is the end of a lock to the end of the file.
const LockEnd = math.MaxInt64

// MaxLocks bounds the record locks of one file.
const MaxLocks = 8192

// Lock is a file lock.
type Lock struct {
	Kind      LockKind
	Owner     uint64
	PID       int32
	Exclusive bool
	Start     int64
	End       int64 // inclusive
}

// lockList holds the locks of an inode, record locks sorted by owner and start.
type lockList struct{ all []Lock }

// lockWait is a process blocked for a record lock.
type lockWait struct {
	thread wait.Thread
	in     *Inode
	lock   Lock
}

func (a *Lock) conflicts(b *Lock) bool {
	if (a.Kind == LockFlock) != (b.Kind == LockFlock) || a.Kind == b.Kind && a.Owner == b.Owner {
		return false
	}
	return (a.Exclusive || b.Exclusive) && a.Start <= b.End && b.Start <= a.End
}

func (a *Lock) sameOwner(b *Lock) bool { return a.Kind == b.Kind && a.Owner == b.Owner }

// FindConflict returns a lock of somebody else that stands against l.
func (in *Inode) FindConflict(l *Lock) (Lock, bool) {
	if in.locks == nil {
		return Lock{}, false
	}
	var best *Lock
	for i := range in.locks.all {
		if o := &in.locks.all[i]; l.conflicts(o) && (best == nil || o.Start < best.Start) {
			best = o
		}
	}
	if best == nil {
		return Lock{}, false
	}
	return *best, true
}

// SetLock takes a lock, or changes the type of the part the owner has. EAGAIN:
// somebody has it; wait for in.WaitID. With blocking, EDEADLK where waiting could never end.
func (c *Context) SetLock(in *Inode, l *Lock, blocking bool) unix.Errno {
	v := c.V
	thread := wait.Thread(0)
	if c.Call != nil {
		thread = c.Thread
	}
	v.forgetWait(thread)
	if _, conflict := in.FindConflict(l); conflict {
		if blocking && l.Kind == LockProcess {
			if v.wouldDeadlock(in, l, l.Owner, 0) {
				return unix.EDEADLK
			}
			v.waits = append(v.waits, lockWait{thread, in, *l})
		}
		return unix.EAGAIN
	}
	return v.replace(in, *l, true)
}

// Unlock gives up what owner has in the range of l.
func (v *VFS) Unlock(in *Inode, l *Lock) unix.Errno {
	if in.locks == nil {
		return 0
	}
	return v.replace(in, *l, false)
}

// replace cuts the range of l out of the owner's locks and, with add, puts l there,
// merged with neighbours of the same type.
func (v *VFS) replace(in *Inode, l Lock, add bool) unix.Errno {
	if in.locks == nil {
		in.locks = &lockList{}
	}
	old := in.locks.all
	kept := make([]Lock, 0, len(old)+2)
	shrunk := false
	for _, o := range old {
		if !o.sameOwner(&l) {
			kept = append(kept, o)
			continue
		}
		if add && o.Exclusive == l.Exclusive && touches(&o, &l) {
			l.Start, l.End = min(l.Start, o.Start), max(l.End, o.End)
			continue
		}
		if o.End < l.Start || o.Start > l.End {
			kept = append(kept, o)
			continue
		}
		shrunk = true
		if o.Start < l.Start {
			left := o
			left.End = l.Start - 1
			kept = append(kept, left)
		}
		if o.End > l.End {
			right := o
			right.Start = l.End + 1
			kept = append(kept, right)
		}
	}
	if add {
		kept = append(kept, l)
	}
	if len(kept) > MaxLocks && len(kept) > len(old) {
		return unix.ENOLCK
	}
	slices.SortFunc(kept, compareLocks)
	in.locks.all = kept
	if shrunk {
		// Only if somebody may have gained by it: two that wait and try in turn would
		// wake each other for ever.
		v.Waits.Wake(in.WaitID(), wait.Any)
	}
	return 0
}

func touches(a, b *Lock) bool {
	return a.Start <= b.End+min(1, LockEnd-b.End) && b.Start <= a.End+min(1, LockEnd-a.End)
}

func compareLocks(a, b Lock) int {
	switch {
	case a.Kind != b.Kind:
		return int(a.Kind) - int(b.Kind)
	case a.Owner != b.Owner:
		if a.Owner < b.Owner {
			return -1
		}
		return 1
	case a.Start < b.Start:
		return -1
	case a.Start > b.Start:
		return 1
	}
	return 0
}

// wouldDeadlock follows who waits for whom, starting with the holders of what l
// needs. The chain is bounded as on Linux (fcntl(2) EDEADLK).
func (v *VFS) wouldDeadlock(in *Inode, l *Lock, owner uint64, depth int) bool {
	if depth == 10 {
		return false
	}
	for i := range in.locks.all {
		o := &in.locks.all[i]
		if o.Kind != LockProcess || !l.conflicts(o) {
			continue
		}
		if o.Owner == owner {
			return true
		}
		for j := range v.waits {
			w := &v.waits[j]
			if w.lock.Owner == o.Owner && v.waiting(w) && w.in.locks != nil && v.wouldDeadlock(w.in, &w.lock, owner, depth+1) {
				return true
			}
		}
	}
	return false
}

// waiting reports whether the record still holds: an interrupted call leaves it behind.
func (v *VFS) waiting(w *lockWait) bool { return v.Waits.Has(w.in.WaitID(), w.thread) }

// forgetWait drops the record of a thread and every stale one.
func (v *VFS) forgetWait(thread wait.Thread) {
	v.waits = slices.DeleteFunc(v.waits, func(w lockWait) bool { return w.thread == thread || !v.waiting(&w) })
}

// releaseProcessLocks drops the record locks a descriptor table has on a file.
func (v *VFS) releaseProcessLocks(in *Inode, table uint64) {
	v.releaseLocks(in, func(l Lock) bool { return l.Kind == LockProcess && l.Owner == table })
}

// releaseFileLocks drops the locks an open file description has.
func (v *VFS) releaseFileLocks(f *File) {
	v.releaseLocks(f.Inode, func(l Lock) bool { return l.Kind != LockProcess && l.Owner == f.Id })
}

func (v *VFS) releaseLocks(in *Inode, match func(Lock) bool) {
	n := len(in.locks.all)
	in.locks.all = slices.DeleteFunc(in.locks.all, match)
	if len(in.locks.all) != n {
		v.Waits.Wake(in.WaitID(), wait.Any)
	}
	if len(in.locks.all) == 0 {
		in.locks = nil
	}
}

// Locks calls fn for every lock, by inode and then in order: /proc/locks.
func (v *VFS) Locks(fn func(in *Inode, l Lock)) {
	var with []*Inode
	for _, f := range v.files.all {
		if f.Inode.locks != nil && !slices.Contains(with, f.Inode) {
			with = append(with, f.Inode)
		}
	}
	slices.SortFunc(with, func(a, b *Inode) int { return compareID(a.Id, b.Id) })
	for _, in := range with {
		for _, l := range in.locks.all {
			fn(in, l)
		}
	}
}

func compareID(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
