package vfs

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"starling/personality/usermem"
	"starling/personality/wait"
)

// dirOps is an open directory.
type dirOps struct{ FileBase }

// Read implements FileOps.
func (dirOps) Read(*Context, *File, *usermem.IO, int64) (int, unix.Errno) { return 0, unix.EISDIR }

// Seek implements FileOps: positions are cookies.
func (dirOps) Seek(_ *Context, f *File, off int64, whence int) (int64, unix.Errno) {
	if whence == unix.SEEK_END {
		return 0, unix.EINVAL
	}
	return SeekTo(f, off, whence, 0)
}

// Ready implements FileOps.
func (dirOps) Ready(_ *File, mask wait.Events) wait.Events {
	return mask & (wait.In | wait.Out | wait.RdNrm | wait.WrNrm)
}

// DirSink collects directory entries in the layout of getdents64(2) or getdents(2).
type DirSink struct {
	buf  []byte
	n    int
	old  bool
	last int   // offset of the last entry
	pos  int64 // position after the last entry taken
	full bool
}

// NewDirSink collects into buf; old is the layout of getdents(2).
func NewDirSink(buf []byte, old bool) *DirSink { return &DirSink{buf: buf, old: old, last: -1} }

// Emit adds an entry; next is the position of the one after it. false: full.
func (s *DirSink) Emit(name string, ino uint64, typ uint32, next int64) bool {
	// struct linux_dirent64: ino, off, reclen, type, name; linux_dirent has the
	// type in the last byte instead (getdents(2)).
	head := 19
	size := (head + len(name) + 1 + 7) &^ 7
	if s.old {
		head = 18
		size = (head + len(name) + 2 + 7) &^ 7
	}
	if s.n+size > len(s.buf) {
		s.full = true
		return false
	}
	b := s.buf[s.n : s.n+size]
	clear(b)
	binary.LittleEndian.PutUint64(b[0:], ino)
	binary.LittleEndian.PutUint64(b[8:], uint64(next))
	binary.LittleEndian.PutUint16(b[16:], uint16(size))
	dtype := byte(typ >> 12)
	if s.old {
		b[size-1] = dtype
	} else {
		b[18] = dtype
	}
	copy(b[head:], name)
	s.n += size
	s.pos = next
	return true
}

// Len is the number of bytes collected; Full tells that an entry did not fit.
func (s *DirSink) Len() int { return s.n }

// Full reports whether an entry did not fit.
func (s *DirSink) Full() bool { return s.full }

// Readdir fills out from the position of f and moves it.
func (c *Context) Readdir(f *File, out *DirSink) unix.Errno {
	in := f.Inode
	if !in.IsDir() {
		return unix.ENOTDIR
	}
	if in.Flags&InodeDead != 0 {
		return unix.ENOENT
	}
	if e := c.V.load(f.D); e != 0 {
		return e
	}
	out.pos = f.Pos
	e := c.readdir(f, in, out)
	f.Pos = out.pos
	c.accessed(f)
	if e == 0 {
		c.V.happened(f.D, unix.IN_ACCESS)
	}
	return e
}

func (c *Context) readdir(f *File, in *Inode, out *DirSink) unix.Errno {
	if out.pos == 0 && !out.Emit(".", in.Ino, unix.S_IFDIR, 1) {
		return 0
	}
	if out.pos == 1 {
		up := f.D.Parent.Inode
		if f.D == f.Mnt.Root && f.Mnt.Up != nil {
			up = f.Mnt.Point.Parent.Inode
		}
		if !out.Emit("..", up.Ino, unix.S_IFDIR, firstCookie) {
			return 0
		}
	}
	if !in.Super.InCore {
		return in.Ops.Readdir(c, in, out.pos, out)
	}
	dir := f.D.dir
	for i := dir.from(uint64(out.pos)); i < len(dir.entries); i++ {
		e := &dir.entries[i]
		if e.d == nil {
			continue
		}
		x := e.d.Inode
		if !out.Emit(e.d.Name, x.Ino, x.Mode, int64(e.cookie)+1) {
			return 0
		}
	}
	return 0
}
