package vfs

import "golang.org/x/sys/unix"

// accessed notes a read through f: relative atime, Linux's default (mount(8)).
func (c *Context) accessed(f *File) {
	in := f.Inode
	if f.Flags&unix.O_NOATIME != 0 || f.Mnt.noAtime(in) {
		return
	}
	const day = 24 * 3600 * 1_000_000_000
	now := c.V.WallNow()
	if in.Atime <= in.Mtime || in.Atime <= in.Ctime || now-in.Atime >= day {
		in.Atime = now
	}
}

// Accessed is accessed for file systems.
func (c *Context) Accessed(f *File) { c.accessed(f) }

// Modified notes a write to a file: times, and the privileges it takes away.
func (c *Context) Modified(in *Inode) {
	now := c.V.WallNow()
	in.Mtime, in.Ctime = now, now
	if in.Mode&(unix.S_ISUID|unix.S_ISGID) != 0 && !c.Capable(unix.CAP_FSETID) {
		in.Mode = dropSetID(in.Mode)
	}
}

func (m *Mount) noAtime(in *Inode) bool {
	return (m.Flags|m.Super.Flags)&(unix.MS_NOATIME|unix.MS_RDONLY) != 0 ||
		m.Flags&unix.MS_NODIRATIME != 0 && in.IsDir()
}

// mayAttr checks that attributes of p may change.
func (c *Context) mayAttr(p Path) unix.Errno {
	if p.Mnt.readOnly() {
		return unix.EROFS
	}
	if p.Inode().Flags&(InodeImmutable|InodeAppendOnly|InodeFixed) != 0 {
		return unix.EPERM
	}
	return 0
}

// Chmod is fchmodat(2).
func (c *Context) Chmod(p Path, mode uint32) unix.Errno {
	in := p.Inode()
	if e := c.mayAttr(p); e != 0 {
		return e
	}
	if in.Type() == unix.S_IFLNK {
		return unix.EOPNOTSUPP
	}
	if !c.Owner(in) || in.Flags&InodeFixedMode != 0 {
		return unix.EPERM
	}
	mode &= 07777
	if mode&unix.S_ISGID != 0 && !c.inGroup(in.Gid) && !c.Capable(unix.CAP_FSETID) {
		mode &^= unix.S_ISGID
	}
	in.Mode = in.Mode&unix.S_IFMT | mode
	in.Ctime = c.V.WallNow()
	c.V.happened(p.D, unix.IN_ATTRIB)
	return 0
}

// Chown is fchownat(2). ^uint32(0) leaves an id alone.
func (c *Context) Chown(p Path, uid, gid uint32) unix.Errno {
	const keep = ^uint32(0)
	in := p.Inode()
	if e := c.mayAttr(p); e != 0 {
		return e
	}
	if uid != keep && (c.Cred.FSUID != in.Uid || uid != in.Uid) && !c.Capable(unix.CAP_CHOWN) {
		return unix.EPERM
	}
	if gid != keep && (c.Cred.FSUID != in.Uid || gid != in.Gid && !c.inGroup(gid)) && !c.Capable(unix.CAP_CHOWN) {
		return unix.EPERM
	}
	if uid != keep {
		in.Uid = uid
	}
	if gid != keep {
		in.Gid = gid
	}
	if !in.IsDir() {
		// Whoever changes the owner, root too (chown(2)).
		in.Mode = dropSetID(in.Mode)
	}
	in.Ctime = c.V.WallNow()
	c.V.happened(p.D, unix.IN_ATTRIB)
	return 0
}

// Utimes is utimensat(2) with the special values resolved: set says which of atime
// (1) and mtime (2) change. now: both are the current time, so that write permission is enough.
func (c *Context) Utimes(p Path, atime, mtime int64, set int, now bool) unix.Errno {
	in := p.Inode()
	if set == 0 {
		return 0
	}
	if p.Mnt.readOnly() {
		return unix.EROFS
	}
	if in.Flags&(InodeImmutable|InodeFixed) != 0 || in.Flags&InodeAppendOnly != 0 && !now {
		return unix.EPERM
	}
	if !c.Owner(in) {
		if !now {
			return unix.EPERM
		}
		if e := c.may(in, MayWrite); e != 0 {
			return e
		}
	}
	if set&1 != 0 {
		in.Atime = atime
	}
	if set&2 != 0 {
		in.Mtime = mtime
	}
	in.Ctime = c.V.WallNow()
	c.V.happened(p.D, [...]uint32{1: unix.IN_ACCESS, 2: unix.IN_MODIFY, 3: unix.IN_ATTRIB}[set])
	return 0
}

// Access is faccessat2(2) for the identity in c.Cred.
func (c *Context) Access(p Path, want uint32) unix.Errno {
	in := p.Inode()
	if want == 0 {
		return 0
	}
	if want&MayExec != 0 && in.IsRegular() && p.Mnt.NoExec() {
		return unix.EACCES
	}
	if e := c.may(in, want); e != 0 {
		return e
	}
	if want&MayWrite != 0 && p.Mnt.readOnly() {
		switch in.Type() {
		case unix.S_IFREG, unix.S_IFDIR, unix.S_IFLNK:
			return unix.EROFS
		}
	}
	return 0
}

// Truncate is truncate(2) on a place.
func (c *Context) Truncate(p Path, size int64) unix.Errno {
	in := p.Inode()
	switch {
	case in.IsDir():
		return unix.EISDIR
	case !in.IsRegular():
		return unix.EINVAL
	case p.Mnt.readOnly():
		return unix.EROFS
	}
	if e := c.may(in, MayWrite); e != 0 {
		return e
	}
	if in.Flags&(InodeAppendOnly|InodeImmutable) != 0 {
		return unix.EPERM
	}
	if in.executing > 0 {
		return unix.ETXTBSY
	}
	return c.truncate(p.D, size)
}

// Fallocate is fallocate(2); the arguments are checked.
func (c *Context) Fallocate(f *File, mode uint32, off, length int64) unix.Errno {
	e := f.Inode.Ops.Fallocate(c, f.Inode, mode, off, length)
	if e == 0 {
		c.V.happened(f.D, unix.IN_MODIFY)
	}
	return e
}

// TruncateFile is ftruncate(2).
func (c *Context) TruncateFile(f *File, size int64) unix.Errno {
	if !f.Writable() || !f.Inode.IsRegular() {
		return unix.EINVAL
	}
	if f.Inode.Flags&InodeAppendOnly != 0 {
		return unix.EPERM
	}
	return c.truncate(f.D, size)
}

func (c *Context) truncate(d *Dentry, size int64) unix.Errno {
	in := d.Inode
	if size > in.Size && uint64(size) > c.FileSizeLimit {
		c.Raise = unix.SIGXFSZ
		return unix.EFBIG
	}
	if e := in.Ops.Truncate(c, in, size); e != 0 {
		return e
	}
	c.Modified(in)
	c.V.happened(d, unix.IN_MODIFY)
	return 0
}

// Stat fills what stat(2) shows.
func (c *Context) Stat(p Path, st *unix.Stat_t) {
	in := p.Inode()
	in.Ops.Refresh(c, in)
	if in.Image != 0 && in.IsDir() {
		// Links and size need the names; an image that cannot be read shows none.
		_ = c.V.load(p.D)
	}
	// Field by field: a literal would be built beside and copied.
	*st = unix.Stat_t{}
	st.Dev, st.Ino, st.Nlink, st.Mode = in.Super.Dev, in.Ino, uint64(in.Nlink), in.Mode
	st.Uid, st.Gid, st.Rdev, st.Size = in.Uid, in.Gid, in.Rdev, in.Size
	st.Blksize, st.Blocks = 4096, int64(in.Blocks())
	st.Atim, st.Mtim, st.Ctim = timespec(in.Atime), timespec(in.Mtime), timespec(in.Ctime)
	if in.IsDir() && in.Super.InCore && in.Size == 0 {
		st.Size = p.D.size()
	}
}

// size of a directory as tmpfs counts it: 20 bytes an entry (BOGO_DIRENT_SIZE).
func (d *Dentry) size() int64 { return int64(20 * (d.dir.live + 2)) }

// Blocks is the allocated size in units of 512 bytes.
func (in *Inode) Blocks() uint64 {
	if !in.IsRegular() {
		return 0
	}
	whole := uint64(in.Size+4095) / 4096
	if in.Image != 0 || in.Flags&InodeAdopted != 0 {
		// Its pages are those of the boot image, which are not charged.
		return whole * 8
	}
	return min(in.Pages, whole) * 8
}

func timespec(ns int64) unix.Timespec {
	s := ns / 1_000_000_000
	n := ns % 1_000_000_000
	if n < 0 {
		s, n = s-1, n+1_000_000_000
	}
	return unix.Timespec{Sec: s, Nsec: n}
}
