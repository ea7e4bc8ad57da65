package vfs

import (
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"

	"starling/personality/state"
)

// FDTable is the descriptors of a process, or of several with CLONE_FILES.
type FDTable struct {
	ID   uint64
	fds  []descriptor
	free int // no descriptor below is free
	refs int32
	slot int32
}

type descriptor struct {
	f       *File
	cloexec bool
}

func (t *FDTable) slotOf() *int32 { return &t.slot }

// NewFDTable makes an empty table with one reference.
func (v *VFS) NewFDTable() *FDTable {
	t := &FDTable{ID: v.NewID(), refs: 1}
	v.tables.add(t)
	return t
}

// ShareFDTable adds a reference (CLONE_FILES).
func (v *VFS) ShareFDTable(t *FDTable) *FDTable {
	t.refs++
	return t
}

// Shared reports whether several processes use the table.
func (t *FDTable) Shared() bool { return t.refs > 1 }

// CopySize is how many bytes a copy takes.
func (t *FDTable) CopySize() uint64 { return uint64(t.used()) * uint64(unsafe.Sizeof(descriptor{})) }

// CloneFDTable copies a table, as fork does.
func (v *VFS) CloneFDTable(t *FDTable) *FDTable {
	n := v.NewFDTable()
	n.fds = append([]descriptor(nil), t.fds[:t.used()]...)
	n.free = t.free
	for i := range n.fds {
		if f := n.fds[i].f; f != nil {
			f.refs++
		}
	}
	return n
}

// used is the length without free descriptors at the end.
func (t *FDTable) used() int {
	n := len(t.fds)
	for n > 0 && t.fds[n-1].f == nil {
		n--
	}
	return n
}

// PutFDTable drops a reference; the last one closes everything.
func (v *VFS) PutFDTable(t *FDTable) {
	t.refs--
	if t.refs > 0 {
		return
	}
	for fd := range t.fds {
		if t.fds[fd].f != nil {
			v.closeFD(t, fd)
		}
	}
	v.tables.remove(t)
}

// Get returns the file of a descriptor, or nil.
func (t *FDTable) Get(fd int32) *File {
	if uint(fd) >= uint(len(t.fds)) {
		return nil
	}
	return t.fds[fd].f
}

// CloseOnExec reports FD_CLOEXEC of an open descriptor.
func (t *FDTable) CloseOnExec(fd int32) bool { return t.fds[fd].cloexec }

// SetCloseOnExec changes FD_CLOEXEC of an open descriptor.
func (t *FDTable) SetCloseOnExec(fd int32, on bool) { t.fds[fd].cloexec = on }

// Alloc gives f the lowest free descriptor from min on and takes over the caller's
// reference to f, which it drops on failure. EMFILE at the limit.
func (c *Context) Alloc(f *File, min int32, cloexec bool) (int32, unix.Errno) {
	t := c.Files
	fd := int(min)
	if fd < t.free {
		fd = t.free
	}
	for fd < len(t.fds) && t.fds[fd].f != nil {
		fd++
	}
	if uint64(fd) >= c.OpenLimit || fd >= MaxDescriptors {
		c.V.Put(f)
		return -1, unix.EMFILE
	}
	if !c.V.grow(t, fd) {
		c.V.Put(f)
		return -1, unix.ENOMEM
	}
	t.fds[fd] = descriptor{f, cloexec}
	if int(min) <= t.free {
		t.free = fd + 1
	}
	return int32(fd), 0
}

// CanAlloc reports whether n more descriptors fit below the limit.
func (c *Context) CanAlloc(n int) bool {
	t := c.Files
	for fd := t.free; n > 0; fd++ {
		if uint64(fd) >= c.OpenLimit || fd >= MaxDescriptors {
			return false
		}
		if fd >= len(t.fds) || t.fds[fd].f == nil {
			n--
		}
	}
	return true
}

// grow makes the table reach fd. False when there is no memory for one that long.
func (v *VFS) grow(t *FDTable, fd int) bool {
	if fd < len(t.fds) {
		return true
	}
	const small = 1024 // descriptors; a table of twice as many is no matter
	if n := fd + 1; n > cap(t.fds) {
		if n > small && !v.RoomFor(2*uint64(n)*uint64(unsafe.Sizeof(descriptor{}))) {
			return false
		}
		t.fds = slices.Grow(t.fds, n-len(t.fds))
	}
	t.fds = t.fds[:fd+1]
	return true
}

// Install puts f at fd, closing what was there, and takes over the reference.
// The caller checked fd against the limit. ENOMEM drops it.
func (c *Context) Install(fd int32, f *File, cloexec bool) unix.Errno {
	t := c.Files
	if !c.V.grow(t, int(fd)) {
		c.V.Put(f)
		return unix.ENOMEM
	}
	if t.fds[fd].f != nil {
		c.V.closeFD(t, int(fd))
	}
	t.fds[fd] = descriptor{f, cloexec}
	return 0
}

// Close closes a descriptor.
func (c *Context) Close(fd int32) unix.Errno {
	if c.Files.Get(fd) == nil {
		return unix.EBADF
	}
	c.V.closeFD(c.Files, int(fd))
	return 0
}

func (v *VFS) closeFD(t *FDTable, fd int) {
	f := t.fds[fd].f
	t.fds[fd] = descriptor{}
	if fd < t.free {
		t.free = fd
	}
	if f.Inode.locks != nil && f.Modes&ModePath == 0 {
		// Any close of the file drops the process's record locks (fcntl(2)).
		v.releaseProcessLocks(f.Inode, t.ID)
	}
	if f.Inode.Flags&InodeFlushed != 0 {
		if o, ok := f.Ops.(Flusher); ok {
			o.Flushed(f, t.ID)
		}
	}
	v.Put(f)
}

// CloseRange is close_range(2) without CLOSE_RANGE_UNSHARE.
func (c *Context) CloseRange(first, last uint32, cloexec bool) {
	t := c.Files
	if len(t.fds) == 0 {
		return
	}
	end := min(uint64(last), uint64(len(t.fds)-1))
	for fd := uint64(first); fd <= end; fd++ {
		switch {
		case t.fds[fd].f == nil:
		case cloexec:
			t.fds[fd].cloexec = true
		default:
			c.V.closeFD(t, int(fd))
		}
	}
}

// CloseForExec closes what has FD_CLOEXEC. The table must not be shared.
func (v *VFS) CloseForExec(t *FDTable) {
	for fd := range t.fds {
		if t.fds[fd].f != nil && t.fds[fd].cloexec {
			v.closeFD(t, fd)
		}
	}
}

// Next returns the first open descriptor at or above fd, or -1: how /proc lists them.
func (t *FDTable) Next(fd int32) int32 {
	for ; int(fd) < len(t.fds); fd++ {
		if t.fds[fd].f != nil {
			return fd
		}
	}
	return -1
}

// Size is the number of descriptors the table has room for (FDSize in /proc).
func (t *FDTable) Size() int {
	n := 64
	for n < len(t.fds) {
		n *= 2
	}
	return n
}

func (t *FDTable) export() *state.FDTableT {
	s := &state.FDTableT{Id: t.ID}
	for fd, d := range t.fds {
		if d.f == nil {
			continue
		}
		flags := int32(0)
		if d.cloexec {
			flags = unix.FD_CLOEXEC
		}
		s.Descriptors = append(s.Descriptors, &state.DescriptorT{File: d.f.Id, Fd: int32(fd), Flags: flags})
	}
	return s
}
