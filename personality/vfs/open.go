package vfs

import (
	"golang.org/x/sys/unix"

	"starling/personality/usermem"
)

// oLargefile is what F_GETFL shows on 64-bit machines (fs/open.c force_o_largefile).
const oLargefile = 0x8000

// oTmpfile is __O_TMPFILE without O_DIRECTORY.
const oTmpfile = unix.O_TMPFILE &^ unix.O_DIRECTORY

// OpenHow is what openat2(2) takes.
type OpenHow struct {
	Flags   uint32 // O_*
	Mode    uint32
	Resolve WalkFlags
}

// Check refuses flags that cannot go together (build_open_flags).
func (h *OpenHow) Check() unix.Errno {
	if h.Flags&unix.O_PATH != 0 {
		h.Flags &= unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_PATH | unix.O_CLOEXEC
		h.Mode = 0
		return 0
	}
	if h.Flags&oTmpfile != 0 {
		if h.Flags&unix.O_DIRECTORY == 0 || h.Flags&unix.O_CREAT != 0 {
			return unix.EINVAL
		}
		if a := h.Flags & unix.O_ACCMODE; a != unix.O_WRONLY && a != unix.O_RDWR {
			return unix.EINVAL
		}
	} else if h.Flags&(unix.O_CREAT|unix.O_DIRECTORY) == unix.O_CREAT|unix.O_DIRECTORY {
		return unix.EINVAL
	}
	if h.Flags&(unix.O_CREAT|oTmpfile) == 0 {
		h.Mode = 0
	}
	h.Mode &= 07777
	return 0
}

// access is what the open flags want of the mode bits.
func (h *OpenHow) access() uint32 {
	var want uint32
	switch h.Flags & unix.O_ACCMODE {
	case unix.O_RDONLY:
		want = MayRead
	case unix.O_WRONLY:
		want = MayWrite
	default:
		want = MayRead | MayWrite
	}
	if h.Flags&unix.O_TRUNC != 0 {
		want |= MayWrite
	}
	return want
}

// Open is open(2): path from the directory base, with checked flags. EAGAIN: a
// FIFO waits for its peer; FIFOWait tells for what.
func (c *Context) Open(dirfd int32, path []byte, how *OpenHow) (*File, unix.Errno) {
	base, e := c.Base(dirfd, path)
	if e != 0 {
		return nil, e
	}
	var t Target
	flags := how.Resolve
	if how.Flags&unix.O_NOFOLLOW == 0 {
		flags |= Follow
	}
	if how.Flags&unix.O_CREAT == 0 {
		if how.Flags&unix.O_DIRECTORY != 0 {
			flags |= Directory
		}
		if e := c.Walk(base, path, flags, &t); e != 0 {
			return nil, e
		}
		if how.Flags&oTmpfile != 0 {
			return c.openUnnamed(t.Path, how)
		}
		return c.OpenPath(t.Path, how)
	}
	if how.Flags&unix.O_EXCL != 0 {
		flags &^= Follow
	}
	if e := c.Walk(base, path, flags|Create|NoSlash, &t); e != 0 {
		return nil, e
	}
	if t.Last != LastName {
		if how.Flags&unix.O_EXCL != 0 {
			return nil, unix.EEXIST
		}
		return nil, unix.EISDIR
	}
	if !t.Exists() {
		return c.create(&t, how)
	}
	if how.Flags&unix.O_EXCL != 0 {
		return nil, unix.EEXIST
	}
	if t.Path.Inode().IsDir() {
		return nil, unix.EISDIR
	}
	return c.OpenPath(t.Path, how)
}

// create makes the regular file an open asks for and opens it.
func (c *Context) create(t *Target, how *OpenHow) (*File, unix.Errno) {
	if s := t.Parent.Inode().Super; s.Maker == nil && s.InCore {
		return nil, unix.EACCES // as for a directory without a create operation
	}
	in, e := c.makeIn(t, unix.S_IFREG|how.Mode&^c.FS.Umask)
	if e != 0 {
		return nil, e
	}
	d := c.V.newDentry(t.Parent.D, string(t.Name), in)
	d.link()
	c.touchDir(t.Parent.Inode())
	c.V.entry(t.Parent.Inode(), in, unix.IN_CREATE, 0, d.Name)
	return c.opened(c.open(Path{t.Parent.Mnt, d}, how))
}

// opened tells those who watch a file.
func (c *Context) opened(f *File, e unix.Errno) (*File, unix.Errno) {
	if e == 0 {
		c.V.happened(f.D, unix.IN_OPEN)
	}
	return f, e
}

// openUnnamed is O_TMPFILE.
func (c *Context) openUnnamed(dir Path, how *OpenHow) (*File, unix.Errno) {
	if dir.Inode().Super.Maker == nil {
		return nil, unix.EOPNOTSUPP
	}
	t := Target{Parent: dir}
	in, e := c.makeIn(&t, unix.S_IFREG|how.Mode&^c.FS.Umask)
	if e != 0 {
		return nil, e
	}
	in.Nlink = 0
	if how.Flags&unix.O_EXCL == 0 {
		in.Flags |= InodeUnnamed
	}
	d := c.V.newDentry(dir.D, "#"+itoa(in.Ino), in)
	f, e := c.open(Path{dir.Mnt, d}, how)
	if e != 0 {
		c.V.mayEvict(in)
	}
	return f, e
}

// OpenPath opens what is at p, with all the checks.
func (c *Context) OpenPath(p Path, how *OpenHow) (*File, unix.Errno) {
	in := p.Inode()
	if how.Flags&unix.O_DIRECTORY != 0 && !in.IsDir() {
		return nil, unix.ENOTDIR
	}
	if how.Flags&unix.O_PATH != 0 {
		f, e := c.V.newFile(p, how.Flags&^unix.O_CLOEXEC)
		if e != 0 {
			return nil, e
		}
		f.Ops = pathOps{}
		return f, 0
	}
	want := how.access()
	switch in.Type() {
	case unix.S_IFLNK:
		return nil, unix.ELOOP
	case unix.S_IFDIR:
		if want&MayWrite != 0 {
			return nil, unix.EISDIR
		}
	case unix.S_IFCHR, unix.S_IFBLK:
		if p.Mnt.Flags&unix.MS_NODEV != 0 {
			return nil, unix.EACCES
		}
	case unix.S_IFREG:
		if want&MayWrite != 0 && p.Mnt.readOnly() {
			return nil, unix.EROFS
		}
	}
	if e := c.may(in, want); e != 0 {
		return nil, e
	}
	if in.Flags&InodeAppendOnly != 0 && (want&MayWrite != 0 && how.Flags&unix.O_APPEND == 0 || how.Flags&unix.O_TRUNC != 0) {
		return nil, unix.EPERM
	}
	if in.Flags&InodeImmutable != 0 && want&MayWrite != 0 {
		return nil, unix.EPERM
	}
	if how.Flags&unix.O_NOATIME != 0 && !c.Owner(in) {
		return nil, unix.EPERM
	}
	if want&MayWrite != 0 && in.executing > 0 {
		return nil, unix.ETXTBSY
	}
	f, e := c.open(p, how)
	if e != 0 {
		return nil, e
	}
	if how.Flags&unix.O_TRUNC != 0 && in.IsRegular() {
		if e := c.truncate(p.D, 0); e != 0 {
			c.V.Put(f)
			return nil, e
		}
	}
	return c.opened(f, 0)
}

// open makes the description without asking for permission.
func (c *Context) open(p Path, how *OpenHow) (*File, unix.Errno) {
	flags := how.Flags&^(unix.O_CREAT|unix.O_EXCL|unix.O_NOCTTY|unix.O_TRUNC|unix.O_CLOEXEC) | oLargefile
	f, e := c.V.newFile(p, flags)
	if e != 0 {
		return nil, e
	}
	in := f.Inode
	f.Ops = pathOps{}
	switch in.openType() {
	case 0:
		e = in.Ops.Open(c, f)
	case unix.S_IFREG:
		f.Modes |= ModeSeek
		e = in.Ops.Open(c, f)
	case unix.S_IFDIR:
		f.Modes |= ModeSeek
		f.Ops = dirOps{}
	case unix.S_IFIFO:
		e = c.V.fifo.Open(c, f)
	case unix.S_IFCHR:
		e = unix.ENXIO
		if d := c.V.device(in); d != nil {
			// O_NOCTTY is the terminal's to see; it is not kept.
			f.Flags |= how.Flags & unix.O_NOCTTY
			e = d.Open(c, f)
			f.Flags &^= unix.O_NOCTTY
		}
	default:
		e = unix.ENXIO
	}
	if e != 0 {
		c.V.Put(f)
		return nil, e
	}
	return f, 0
}

// device is the driver of a character device, or nil.
func (v *VFS) device(in *Inode) Device {
	if m := unix.Major(in.Rdev); m < uint32(len(v.chars)) {
		return v.chars[m]
	}
	return nil
}

// pathOps is an O_PATH description: the call layer answers EBADF before it gets here.
type pathOps struct{ FileBase }

func (pathOps) Read(*Context, *File, *usermem.IO, int64) (int, unix.Errno) { return 0, unix.EBADF }

func (pathOps) Write(*Context, *File, *usermem.IO, int64) (int, unix.Errno) { return 0, unix.EBADF }

// itoa avoids strconv's tables for a small job that many paths share.
func itoa(n uint64) string {
	var b [20]byte
	i := len(b)
	for {
		i--
		b[i] = byte('0' + n%10)
		n /= 10
		if n == 0 {
			return string(b[i:])
		}
	}
}
