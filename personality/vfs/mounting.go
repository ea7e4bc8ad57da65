package vfs

import "golang.org/x/sys/unix"

// perMount are the mount(2) flags that belong to the place, perSuper those of the instance.
const (
	perMount = unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME | unix.MS_NODIRATIME | unix.MS_RELATIME
	perSuper = unix.MS_RDONLY | unix.MS_SYNCHRONOUS | unix.MS_MANDLOCK
	// propagation changes nothing where there is one mount namespace.
	propagation = unix.MS_SHARED | unix.MS_PRIVATE | unix.MS_SLAVE | unix.MS_UNBINDABLE
)

// Mount is mount(2) at a place; from is the place of the source for a bind or a move.
func (c *Context) Mount(source string, at Path, fstype string, flags uint64, data string, from func() (Path, unix.Errno)) unix.Errno {
	if !c.Capable(unix.CAP_SYS_ADMIN) {
		return unix.EPERM
	}
	switch {
	case flags&unix.MS_REMOUNT != 0:
		return c.remount(at, flags)
	case flags&unix.MS_BIND != 0:
		p, e := from()
		if e != 0 {
			return e
		}
		return c.bind(p, at, flags&unix.MS_REC != 0)
	case flags&propagation != 0:
		if at.D != at.Mnt.Root {
			return unix.EINVAL
		}
		return 0
	case flags&unix.MS_MOVE != 0:
		p, e := from()
		if e != 0 {
			return e
		}
		return c.moveMount(p, at)
	}
	t := c.V.TypeByName(fstype)
	if t == nil {
		return unix.ENODEV
	}
	s, e := t.Mount(c, source, data)
	if e != 0 {
		return e
	}
	s.Flags |= flags & perSuper
	m := flags & perMount
	if m&unix.MS_NOATIME == 0 {
		m |= unix.MS_RELATIME
	}
	if source == "" {
		source = "none"
	}
	_, e = c.V.Attach(s, s.Root, at, m, source)
	return e
}

func (c *Context) remount(at Path, flags uint64) unix.Errno {
	if at.D != at.Mnt.Root {
		return unix.EINVAL
	}
	m := at.Mnt
	if flags&unix.MS_RDONLY != 0 && m.writersOpen(c.V) {
		return unix.EBUSY
	}
	m.Flags = m.Flags&^perMount | flags&perMount
	if flags&unix.MS_BIND == 0 {
		m.Super.Flags = m.Super.Flags&^perSuper | flags&perSuper
	}
	return 0
}

// writersOpen reports whether a file is open for writing through the mount.
func (m *Mount) writersOpen(v *VFS) bool {
	for _, f := range v.files.all {
		if f.Mnt == m && f.Writable() && f.Inode.IsRegular() {
			return true
		}
	}
	return false
}

func (c *Context) bind(from, at Path, recursive bool) unix.Errno {
	if from.Mnt.hidden || !from.D.Linked() {
		return unix.EINVAL
	}
	m, e := c.V.Attach(from.Mnt.Super, from.D, at, from.Mnt.Flags, from.Mnt.Source)
	if e != 0 || !recursive {
		return e
	}
	// The mounts below, as they are now.
	for _, o := range append([]*Mount(nil), c.V.mounts...) {
		if o.Up != from.Mnt || o == m || !under(o.Point, from.D) {
			continue
		}
		if e := c.bind(Path{o, o.Root}, Path{m, o.Point}, true); e != 0 {
			return e
		}
	}
	return 0
}

func (c *Context) moveMount(from, at Path) unix.Errno {
	m := from.Mnt
	if from.D != m.Root || m.Up == nil {
		return unix.EINVAL
	}
	if m.Root.Inode.IsDir() != at.Inode().IsDir() {
		return unix.ENOTDIR
	}
	for up := at.Mnt; up != nil; up = up.Up {
		if up == m {
			return unix.ELOOP
		}
	}
	m.Point.mounted--
	c.V.Unpin(Path{m.Up, m.Point})
	m.Up, m.Point = at.Mnt, at.D
	at.Pin()
	at.D.mounted++
	return 0
}

// Unmount is umount2(2).
func (c *Context) Unmount(at Path, flags int) unix.Errno {
	if flags&^(unix.MNT_FORCE|unix.MNT_DETACH|unix.MNT_EXPIRE|unix.UMOUNT_NOFOLLOW) != 0 {
		return unix.EINVAL
	}
	if !c.Capable(unix.CAP_SYS_ADMIN) {
		return unix.EPERM
	}
	if at.D != at.Mnt.Root {
		return unix.EINVAL
	}
	if flags&unix.MNT_EXPIRE != 0 {
		if flags&(unix.MNT_FORCE|unix.MNT_DETACH) != 0 {
			return unix.EINVAL
		}
		return unix.EAGAIN // marked; the caller asks again
	}
	return c.V.Detach(at.Mnt, flags&unix.MNT_DETACH != 0)
}

// Statfs fills what statfs(2) shows of the instance behind a place.
func (c *Context) Statfs(p Path, st *unix.Statfs_t) {
	s := p.Mnt.Super
	if p.Inode().Super != nil {
		s = p.Inode().Super
	}
	*st = unix.Statfs_t{Type: magicOf(s.Type), Bsize: 4096, Frsize: 4096, Namelen: NameMax, Flags: statfsFlags(p.Mnt)}
	if s.PageLimit != 0 {
		st.Blocks = s.PageLimit
		st.Bfree = s.PageLimit - min(s.Pages, s.PageLimit)
		st.Bavail = st.Bfree
	} else if s.Maker != nil && c.V.Memory != nil {
		total, free := c.V.Memory()
		st.Blocks, st.Bfree, st.Bavail = total, free, free
	}
	if s.InodeLimit != 0 {
		st.Files, st.Ffree = s.InodeLimit, s.InodeLimit-min(s.Inodes, s.InodeLimit)
	}
	st.Fsid.Val[0], st.Fsid.Val[1] = int32(s.Dev), int32(s.Dev>>32)
}

func statfsFlags(m *Mount) int64 {
	const valid = 0x20 // ST_VALID
	f := int64(valid)
	for _, b := range []struct {
		ms uint64
		st int64
	}{
		{unix.MS_RDONLY, unix.ST_RDONLY}, {unix.MS_NOSUID, unix.ST_NOSUID}, {unix.MS_NODEV, unix.ST_NODEV},
		{unix.MS_NOEXEC, unix.ST_NOEXEC}, {unix.MS_NOATIME, unix.ST_NOATIME}, {unix.MS_NODIRATIME, unix.ST_NODIRATIME},
		{unix.MS_RELATIME, unix.ST_RELATIME},
	} {
		if (m.Flags|m.Super.Flags)&b.ms != 0 {
			f |= b.st
		}
	}
	return f
}

// magics are the numbers of statfs(2) by type (include/uapi/linux/magic.h).
var magics = []struct {
	name  string
	magic int64
}{
	{"tmpfs", unix.TMPFS_MAGIC}, {"devtmpfs", unix.TMPFS_MAGIC}, {"proc", unix.PROC_SUPER_MAGIC},
	{"sysfs", unix.SYSFS_MAGIC}, {"devpts", unix.DEVPTS_SUPER_MAGIC}, {"pipefs", unix.PIPEFS_MAGIC},
	{"sockfs", unix.SOCKFS_MAGIC}, {"anon_inodefs", unix.ANON_INODE_FS_MAGIC},
}

func magicOf(name string) int64 {
	for _, m := range magics {
		if m.name == name {
			return m.magic
		}
	}
	return 0
}
