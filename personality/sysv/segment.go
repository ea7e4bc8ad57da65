package sysv

import (
	"fmt"

	"golang.org/x/sys/unix"

	"starling/personality/state"
	"starling/personality/vfs"
)

// Limits of segments (shmget(2)), those of Linux.
const (
	SegmentsMax     = 4096               // SHMMNI
	SegmentBytesMax = ^uint64(0) - 1<<24 // SHMMAX
	PagesMax        = ^uint64(0) - 1<<24 // SHMALL
	pageSize        = 4096
)

// Bits of a segment's mode beside the permissions (shmctl(2)).
const (
	Destroyed = 01000 // SHM_DEST: gone when nobody has it attached
	LockedIn  = 02000 // SHM_LOCKED
)

// Segment is a segment of shared memory.
type Segment struct {
	state.SharedSegmentT
	s    *System
	file *vfs.File // what is mapped; the segment holds a reference
}

func (g *Segment) permissions() *state.IPCPermissionsT { return g.Permissions }

func (g *Segment) pages() uint64 { return (g.Size + pageSize - 1) / pageSize }

// Contents is the file that a region maps.
func (g *Segment) Contents() *vfs.File { return g.file }

// Resident is how many pages of the segment are there.
func (g *Segment) Resident() uint64 { return g.s.files.Resident(g.file.Inode) }

// hugePages is SHM_HUGETLB.
const hugePages = 04000

// GetSegment is shmget(2).
func (s *System) GetSegment(c *Caller, key int32, size uint64, flags uint32) (*Segment, unix.Errno) {
	g, e := s.Segments.find(c, key, flags, func(g *Segment) bool { return g.Size >= size })
	if e != 0 || g != nil {
		return g, e
	}
	g = &Segment{SharedSegmentT: state.SharedSegmentT{Permissions: c.owned(key, flags), Size: size, Creator: c.PID}, s: s}
	total, _ := s.v.Memory()
	switch {
	case size == 0 || size > SegmentBytesMax:
		return nil, unix.EINVAL
	case size+pageSize < size || s.pages+g.pages() > PagesMax:
		return nil, unix.ENOSPC
	case flags&hugePages != 0 || g.pages() > total:
		return nil, unix.ENOMEM // there are none, and no swap either
	case s.Segments.full():
		return nil, unix.ENOSPC
	}
	f, e := s.files.Nameless(fmt.Sprintf("/SYSV%08x (deleted)", uint32(key)), vfs.KindSegment, s.v.NewID(), int64(size))
	if e != 0 {
		return nil, e
	}
	g.file, g.ChangeTime = f, s.now()
	s.Segments.add(g)
	// /proc/PID/maps shows the identifier as inode, and programs read it there.
	f.Inode.Ino, f.Key0 = uint64(g.Permissions.Id), uint64(g.Permissions.Id)
	f.Inode.Uid, f.Inode.Gid = c.Cred.EUID, c.Cred.EGID
	s.open(f, g)
	s.pages += g.pages()
	return g, 0
}

// SetSegment is IPC_SET.
func (s *System) SetSegment(c *Caller, g *Segment, to Change) unix.Errno {
	if !c.owns(g.Permissions) {
		return unix.EPERM
	}
	c.set(g.Permissions, to)
	g.ChangeTime = s.now()
	return 0
}

// RemoveSegment is IPC_RMID: a segment that somebody has attached loses its key and goes with
// the last who has.
func (s *System) RemoveSegment(c *Caller, g *Segment) unix.Errno {
	if !c.owns(g.Permissions) {
		return unix.EPERM
	}
	g.Permissions.Mode |= Destroyed
	g.Permissions.Key = private
	s.mayDestroy(g)
	return 0
}

// LockSegment is SHM_LOCK and SHM_UNLOCK. There is no swap: it is a bit that shmctl(2) shows.
func (s *System) LockSegment(c *Caller, g *Segment, on bool, limit uint64) unix.Errno {
	if !c.Cred.Has(unix.CAP_IPC_LOCK) &&
		(c.Cred.EUID != g.Permissions.Uid && c.Cred.EUID != g.Permissions.CreatorUid || on && limit == 0) {
		return unix.EPERM
	}
	g.Permissions.Mode &^= LockedIn
	if on {
		g.Permissions.Mode |= LockedIn
	}
	return 0
}

func (s *System) mayDestroy(g *Segment) {
	if g.Attached > 0 || g.Permissions.Mode&Destroyed == 0 {
		return
	}
	s.Segments.remove(g)
	s.pages -= g.pages()
	s.v.Put(g.file)
}

// Pages is how many pages all segments have together, and how many of these are there.
func (s *System) Pages() (all, resident uint64) {
	s.Segments.Each(func(g *Segment) { resident += g.Resident() })
	return s.pages, resident
}

// segmentFile is the file of a segment as the memory manager sees it.
type segmentFile struct {
	vfs.FileOps // of the tmpfs
	g           *Segment
}

// Mapped implements vfs.MapWatcher (shm_open).
func (f segmentFile) Mapped() {
	g := f.g
	g.Attached++
	g.AttachTime, g.Last = g.s.now(), g.s.Actor()
}

// Unmapped implements vfs.MapWatcher (shm_close).
func (f segmentFile) Unmapped() {
	g := f.g
	g.Attached--
	g.DetachTime, g.Last = g.s.now(), g.s.Actor()
	g.s.mayDestroy(g)
}

func (s *System) open(f *vfs.File, g *Segment) { f.Ops = segmentFile{f.Ops, g} }

// segmentKind implements vfs.Kind.
type segmentKind struct{ s *System }

func (k segmentKind) Reopen(f *vfs.File) unix.Errno {
	g, e := k.s.Segments.Get(int32(f.Key0))
	if e == 0 {
		e = k.s.files.Reopen(f)
	}
	if e != 0 {
		return e
	}
	k.s.open(f, g)
	return 0
}
