package tmpfs

import (
	"math"

	"golang.org/x/sys/unix"

	"starling/personality/usermem"
	"starling/personality/vfs"
	"starling/personality/vfs/content"
)

const (
	pageSize = content.PageSize
	// growth is how many pages a file that grows gets ahead of what is written.
	growth = 64
	// populateMax is how many pages one message to the pager makes present.
	populateMax = 1024
	// maxPages is the number of pages an object of the pager can have.
	maxPages = 1 << 36
)

// fileOps is an open regular file.
type fileOps struct {
	vfs.FileBase
	t *Type
}

// Open implements vfs.NodeOps.
func (t *Type) Open(_ *vfs.Context, f *vfs.File) unix.Errno { return t.Reopen(f) }

// Reopen implements vfs.NodeOps.
func (t *Type) Reopen(f *vfs.File) unix.Errno {
	f.Ops = fileOps{t: t}
	return 0
}

// Read implements vfs.FileOps: a copy between pages of the window; holes are zeros.
func (o fileOps) Read(c *vfs.Context, f *vfs.File, io *usermem.IO, off int64) (int, unix.Errno) {
	in := f.Inode
	if off >= in.Size {
		return 0, 0
	}
	if in.Image != 0 {
		if e := o.t.adopt(in); e != 0 {
			return 0, e
		}
	}
	n := min(io.Len(), uint64(in.Size-off))
	done := 0
	for n > 0 {
		at := uint64(off) % pageSize
		k := min(n, pageSize-at)
		var p *content.Page
		if in.Object != 0 {
			p, _ = o.t.store.Page(in.Object, uint64(off)/pageSize)
		}
		var m int
		var e unix.Errno
		if p != nil {
			m, e = io.Put(p[at : at+k])
		} else {
			m, e = io.PutZero(int(k))
		}
		done += m
		off += int64(m)
		n -= uint64(m)
		if e != 0 {
			if done > 0 {
				e = 0
			}
			c.Accessed(f)
			return done, e
		}
		if m == 0 {
			break
		}
	}
	c.Accessed(f)
	return done, 0
}

// Write implements vfs.FileOps.
func (o fileOps) Write(c *vfs.Context, f *vfs.File, io *usermem.IO, off int64) (int, unix.Errno) {
	in := f.Inode
	n := io.Len()
	if e := sealed(in, off+int64(n)); e != 0 {
		return 0, e
	}
	if e := o.t.own(in); e != 0 {
		return 0, e
	}
	c.Modified(in)
	done := 0
	for n > 0 {
		index, at := uint64(off)/pageSize, uint64(off)%pageSize
		k := min(n, pageSize-at)
		p, writable := o.t.store.Page(in.Object, index)
		if p == nil || !writable {
			last := (uint64(off) + n - 1) / pageSize
			if e := o.t.populate(in, index, last-index+1, last*pageSize >= uint64(in.Size)); e != 0 {
				return o.wrote(in, done, e)
			}
			if p, writable = o.t.store.Page(in.Object, index); p == nil || !writable {
				return o.wrote(in, done, unix.EIO)
			}
		}
		m, e := io.Take(p[at : at+k])
		done += m
		off += int64(m)
		n -= uint64(m)
		if m > 0 && off > in.Size {
			in.Size = off
		}
		if e != 0 {
			return o.wrote(in, done, e)
		}
		if m == 0 {
			break
		}
	}
	return o.wrote(in, done, 0)
}

// wrote ends a write: mappings must see the new size.
func (o fileOps) wrote(in *vfs.Inode, done int, e unix.Errno) (int, unix.Errno) {
	if in.Flags&vfs.InodeMapped != 0 {
		if e := o.t.fit(in); e != 0 && done == 0 {
			return 0, e
		}
	}
	if done > 0 {
		return done, 0
	}
	return 0, e
}

// own makes sure that a file has an object of its own.
func (t *Type) own(in *vfs.Inode) unix.Errno {
	if in.Image != 0 {
		return t.adopt(in)
	}
	if in.Object == 0 {
		o, e := t.store.Create(uint64(in.Size))
		if e != 0 {
			return e
		}
		in.Object, in.Capacity = o, uint64(in.Size)
	}
	return 0
}

// populate makes pages writable, ahead of a file that grows.
func (t *Type) populate(in *vfs.Inode, index, want uint64, grows bool) unix.Errno {
	if index+want > maxPages || index+want < want {
		return unix.EFBIG
	}
	want = min(want, populateMax)
	n := want
	if grows && index > 0 && in.Pages > 0 {
		n = max(n, min(in.Pages, growth))
	}
	s := in.Super
	if s.PageLimit != 0 {
		if s.Pages >= s.PageLimit {
			return unix.ENOSPC
		}
		n = min(n, s.PageLimit-s.Pages)
	}
	_, e := t.store.Populate(in.Object, index, n)
	t.account(in)
	if e == unix.ENOMEM {
		return unix.ENOSPC
	}
	return e
}

// account notes how many pages the file holds now.
func (t *Type) account(in *vfs.Inode) {
	r := uint64(0)
	if in.Object != 0 {
		r = t.store.Resident(in.Object)
	}
	in.Super.Pages += r - in.Pages
	in.Pages = r
}

// fit tells the pager the size: mappings fault past it.
func (t *Type) fit(in *vfs.Inode) unix.Errno {
	if in.Object == 0 || in.Capacity == uint64(in.Size) {
		return 0
	}
	if e := t.store.Resize(in.Object, uint64(in.Size)); e != 0 {
		return e
	}
	in.Capacity = uint64(in.Size)
	t.account(in)
	return 0
}

// Release implements vfs.FileOps: pages ahead of the end go back.
func (o fileOps) Release(_ *vfs.VFS, f *vfs.File) {
	in := f.Inode
	if f.Writable() && in.Object != 0 && in.Flags&vfs.InodeAdopted == 0 &&
		in.Pages > (uint64(in.Size)+pageSize-1)/pageSize {
		// Failing to give memory back early is no error.
		_ = o.t.fit(in)
	}
}

// Seek implements vfs.FileOps.
func (o fileOps) Seek(c *vfs.Context, f *vfs.File, off int64, whence int) (int64, unix.Errno) {
	switch whence {
	case unix.SEEK_DATA, unix.SEEK_HOLE:
		return o.t.Seek(c, f.Inode, off, whence)
	}
	return vfs.SeekTo(f, off, whence, f.Inode.Size)
}

// Seek implements vfs.NodeOps.
func (t *Type) Seek(c *vfs.Context, in *vfs.Inode, off int64, whence int) (int64, unix.Errno) {
	if in.Image != 0 {
		return t.NodeBase.Seek(c, in, off, whence)
	}
	if off < 0 || off >= in.Size {
		return 0, unix.ENXIO
	}
	index := uint64(off) / pageSize
	if whence == unix.SEEK_DATA {
		next, ok := uint64(0), false
		if in.Object != 0 {
			next, ok = t.store.Next(in.Object, index)
		}
		if !ok || next > math.MaxInt64/pageSize || int64(next*pageSize) >= in.Size {
			return 0, unix.ENXIO
		}
		return max(off, int64(next*pageSize)), 0
	}
	for in.Object != 0 {
		if p, _ := t.store.Page(in.Object, index); p == nil {
			break
		}
		index++
	}
	return min(max(off, int64(index*pageSize)), in.Size), 0
}

// Map implements vfs.FileOps.
func (o fileOps) Map(_ *vfs.Context, f *vfs.File) (vfs.Mapping, unix.Errno) {
	in := f.Inode
	if e := o.t.own(in); e != 0 {
		return vfs.Mapping{}, e
	}
	if e := o.t.fit(in); e != 0 {
		return vfs.Mapping{}, e
	}
	in.Flags |= vfs.InodeMapped
	return vfs.Mapping{Object: in.Object, NoWrite: in.Seals&(unix.F_SEAL_WRITE|unix.F_SEAL_FUTURE_WRITE) != 0}, 0
}

// Ioctl implements vfs.FileOps.
func (o fileOps) Ioctl(c *vfs.Context, f *vfs.File, cmd uint32, arg uint64) (int64, unix.Errno) {
	if cmd == vfs.FIONREAD {
		left := max(f.Inode.Size-f.Pos, 0)
		return 0, usermem.Write32(c.Mem, arg, uint32(left))
	}
	return 0, unix.ENOTTY
}
