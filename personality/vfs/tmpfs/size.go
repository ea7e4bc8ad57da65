package tmpfs

import (
	"golang.org/x/sys/unix"

	"starling/personality/vfs"
)

// Truncate implements vfs.NodeOps.
func (t *Type) Truncate(_ *vfs.Context, in *vfs.Inode, size int64) unix.Errno {
	switch {
	case size < in.Size && in.Seals&unix.F_SEAL_SHRINK != 0,
		size > in.Size && in.Seals&unix.F_SEAL_GROW != 0:
		return unix.EPERM
	}
	if in.Image != 0 {
		if size == 0 {
			in.Image = 0
		} else if e := t.adopt(in); e != 0 {
			return e
		}
	}
	if in.Object == 0 || size == in.Size && in.Capacity == uint64(size) {
		in.Size = size
		return 0
	}
	if size > in.Size && in.Flags&vfs.InodeMapped == 0 && in.Pages*pageSize <= uint64(in.Size+pageSize-1) {
		in.Size = size
		return 0
	}
	if size > in.Size {
		// What was made ahead of the end must read as zeros.
		if e := t.fit(in); e != 0 {
			return e
		}
	}
	if e := t.store.Resize(in.Object, uint64(size)); e != 0 {
		return e
	}
	in.Size, in.Capacity = size, uint64(size)
	t.account(in)
	return 0
}

// Fallocate implements vfs.NodeOps (fallocate(2)): allocation, with or without a
// change of the size, and holes.
func (t *Type) Fallocate(c *vfs.Context, in *vfs.Inode, mode uint32, off, length int64) unix.Errno {
	const keep = unix.FALLOC_FL_KEEP_SIZE
	if mode&^(keep|unix.FALLOC_FL_PUNCH_HOLE) != 0 {
		return unix.EOPNOTSUPP
	}
	if mode&unix.FALLOC_FL_PUNCH_HOLE != 0 {
		if in.Seals&(unix.F_SEAL_WRITE|unix.F_SEAL_FUTURE_WRITE) != 0 {
			return unix.EPERM
		}
		e := t.punch(in, uint64(off), uint64(length))
		if e == 0 {
			c.Modified(in)
		}
		return e
	}
	end := off + length
	if mode&keep == 0 && end > in.Size {
		if uint64(end) > c.FileSizeLimit {
			c.Raise = unix.SIGXFSZ
			return unix.EFBIG
		}
		if in.Seals&unix.F_SEAL_GROW != 0 {
			return unix.EPERM
		}
	}
	first := uint64(off) / pageSize
	pages := (uint64(end)+pageSize-1)/pageSize - first
	if first+pages > maxPages {
		return unix.EFBIG
	}
	s := in.Super
	if s.PageLimit != 0 && pages > s.PageLimit || pages > t.store.TotalPages() {
		return unix.ENOSPC
	}
	if e := t.own(in); e != 0 {
		return e
	}
	before := in.Pages
	for pages > 0 {
		if s.PageLimit != 0 && s.Pages >= s.PageLimit {
			return t.undo(in, before)
		}
		n, e := t.store.Populate(in.Object, first, min(pages, populateMax))
		t.account(in)
		if e != 0 || n == 0 {
			return t.undo(in, before)
		}
		first += n
		pages -= n
	}
	if mode&keep == 0 && end > in.Size {
		in.Size = end
		if in.Flags&vfs.InodeMapped != 0 {
			if e := t.fit(in); e != 0 {
				return e
			}
		}
	}
	c.Modified(in)
	return 0
}

// undo gives back what a failed allocation got past the end of the file.
func (t *Type) undo(in *vfs.Inode, before uint64) unix.Errno {
	if in.Pages > before {
		// The errno of the allocation is what the program gets.
		_ = t.store.Resize(in.Object, uint64(in.Size))
		in.Capacity = uint64(in.Size)
		t.account(in)
	}
	return unix.ENOSPC
}

// punch makes a hole: whole pages go, the ends are zeroed.
func (t *Type) punch(in *vfs.Inode, off, length uint64) unix.Errno {
	end := min(off+length, uint64(in.Size))
	if off >= end {
		return 0
	}
	if e := t.own(in); e != 0 {
		return e
	}
	first := (off + pageSize - 1) / pageSize
	last := end / pageSize // exclusive
	if first > last {
		return t.zero(in, off, end)
	}
	if e := t.zero(in, off, first*pageSize); e != 0 {
		return e
	}
	if end == uint64(in.Size) {
		last = (end + pageSize - 1) / pageSize
	} else if e := t.zero(in, last*pageSize, end); e != 0 {
		return e
	}
	if last > first {
		if e := t.store.Discard(in.Object, first, last-first); e != 0 {
			return e
		}
		t.account(in)
	}
	return 0
}

// zero clears bytes of one page.
func (t *Type) zero(in *vfs.Inode, from, to uint64) unix.Errno {
	if from >= to {
		return 0
	}
	index := from / pageSize
	p, writable := t.store.Page(in.Object, index)
	if p == nil {
		return 0
	}
	if !writable {
		if e := t.populate(in, index, 1, false); e != 0 {
			return e
		}
		if p, writable = t.store.Page(in.Object, index); p == nil || !writable {
			return unix.EIO
		}
	}
	clear(p[from-index*pageSize : to-index*pageSize])
	return 0
}
