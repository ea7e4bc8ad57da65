package vfs

import (
	"golang.org/x/sys/unix"
)

// makeIn makes an inode for a new name in t.Parent, after the checks, with the
// caller's identity. It is not linked yet.
func (c *Context) makeIn(t *Target, mode uint32) (*Inode, unix.Errno) {
	dir := t.Parent.Inode()
	if dir.Super.Maker == nil && !dir.Super.InCore {
		// The lookup of a computed directory has failed for good (proc(5)).
		return nil, unix.ENOENT
	}
	if t.Parent.Mnt.readOnly() {
		return nil, unix.EROFS
	}
	if dir.Flags&InodeDead != 0 {
		return nil, unix.ENOENT
	}
	if e := c.mayChange(t.Parent); e != 0 {
		return nil, e
	}
	if dir.Flags&InodeImmutable != 0 {
		return nil, unix.EPERM
	}
	s := dir.Super
	if s.Maker == nil {
		return nil, unix.EPERM
	}
	in, e := s.Maker.Make(c, s, mode)
	if e != 0 {
		return nil, e
	}
	in.Uid, in.Gid = c.Cred.FSUID, c.Cred.FSGID
	if dir.Mode&unix.S_ISGID != 0 {
		// Inherited from the directory; a file loses set-group-ID where
		// its maker is not in the group (inode(7)).
		in.Gid = dir.Gid
		if in.IsDir() {
			in.Mode |= unix.S_ISGID
		} else if in.Mode&(unix.S_ISGID|0010) == unix.S_ISGID|0010 && !c.inGroup(in.Gid) && !c.Capable(unix.CAP_FSETID) {
			in.Mode &^= unix.S_ISGID
		}
	}
	return in, 0
}

// touchDir notes a change of a directory's names.
func (c *Context) touchDir(dir *Inode) {
	now := c.V.WallNow()
	dir.Mtime, dir.Ctime = now, now
}

// absent walks to a name that must not exist yet.
func (c *Context) absent(dirfd int32, path []byte, t *Target) unix.Errno {
	if e := c.LookupParent(dirfd, path, 0, t); e != 0 {
		return e
	}
	if t.Exists() || t.Last != LastName {
		return unix.EEXIST
	}
	return 0
}

// Mkdir is mkdirat(2).
func (c *Context) Mkdir(dirfd int32, path []byte, mode uint32) unix.Errno {
	var t Target
	if e := c.absent(dirfd, path, &t); e != 0 {
		return e
	}
	in, e := c.makeIn(&t, unix.S_IFDIR|mode&01777&^c.FS.Umask)
	if e != 0 {
		return e
	}
	in.Nlink = 2
	c.V.AddChild(t.Parent.D, string(t.Name), in)
	t.Parent.Inode().Nlink++
	c.touchDir(t.Parent.Inode())
	c.V.entry(t.Parent.Inode(), in, unix.IN_CREATE, 0, string(t.Name))
	return 0
}

// Mknod is mknodat(2). It returns the place, for bind(2).
func (c *Context) Mknod(dirfd int32, path []byte, mode uint32, dev uint64) (Path, unix.Errno) {
	switch mode & unix.S_IFMT {
	case 0:
		mode |= unix.S_IFREG
	case unix.S_IFREG, unix.S_IFCHR, unix.S_IFBLK, unix.S_IFIFO, unix.S_IFSOCK:
	case unix.S_IFDIR:
		return Path{}, unix.EPERM
	default:
		return Path{}, unix.EINVAL
	}
	var t Target
	if e := c.absent(dirfd, path, &t); e != 0 {
		return Path{}, e
	}
	if t.Slash {
		return Path{}, unix.ENOENT
	}
	typ := mode & unix.S_IFMT
	if (typ == unix.S_IFCHR || typ == unix.S_IFBLK) && !c.Capable(unix.CAP_MKNOD) {
		if e := c.mayChange(t.Parent); e != 0 {
			return Path{}, e
		}
		return Path{}, unix.EPERM
	}
	in, e := c.makeIn(&t, mode&(unix.S_IFMT|07777)&^c.FS.Umask)
	if e != 0 {
		return Path{}, e
	}
	if typ == unix.S_IFCHR || typ == unix.S_IFBLK {
		in.Rdev = dev
	}
	d := c.V.AddChild(t.Parent.D, string(t.Name), in)
	c.touchDir(t.Parent.Inode())
	c.V.entry(t.Parent.Inode(), in, unix.IN_CREATE, 0, d.Name)
	return Path{t.Parent.Mnt, d}, 0
}

// Symlink is symlinkat(2).
func (c *Context) Symlink(target string, dirfd int32, path []byte) unix.Errno {
	if target == "" {
		return unix.ENOENT
	}
	var t Target
	if e := c.absent(dirfd, path, &t); e != 0 {
		return e
	}
	if t.Slash {
		return unix.ENOENT
	}
	in, e := c.makeIn(&t, unix.S_IFLNK|0777)
	if e != 0 {
		return e
	}
	in.Target, in.Size = target, int64(len(target))
	d := c.V.AddChild(t.Parent.D, string(t.Name), in)
	c.touchDir(t.Parent.Inode())
	c.V.entry(t.Parent.Inode(), in, unix.IN_CREATE, 0, d.Name)
	return 0
}

// Link is linkat(2), from a place already found.
func (c *Context) Link(from Path, dirfd int32, path []byte) unix.Errno {
	var t Target
	if e := c.absent(dirfd, path, &t); e != 0 {
		return e
	}
	if t.Slash {
		return unix.ENOENT
	}
	in := from.Inode()
	if from.Mnt != t.Parent.Mnt {
		return unix.EXDEV
	}
	dir := t.Parent.Inode()
	if e := c.mayChange(t.Parent); e != 0 {
		return e
	}
	switch {
	case dir.Flags&InodeDead != 0:
		return unix.ENOENT
	case in.Super != dir.Super:
		return unix.EXDEV
	case in.Flags&(InodeAppendOnly|InodeImmutable) != 0:
		return unix.EPERM
	case dir.Super.Maker == nil || in.IsDir():
		return unix.EPERM
	case in.Nlink == 0 && in.Flags&InodeUnnamed == 0:
		return unix.ENOENT
	case in.Nlink >= maxLinks:
		return unix.EMLINK
	}
	in.Nlink++
	in.Flags &^= InodeUnnamed
	in.Ctime = c.V.WallNow()
	d := c.V.AddChild(t.Parent.D, string(t.Name), in)
	c.touchDir(dir)
	c.V.itself(in, unix.IN_ATTRIB)
	c.V.entry(dir, in, unix.IN_CREATE, 0, d.Name)
	return 0
}

// maxLinks bounds the names of one file.
const maxLinks = 1 << 31

// Unlink is unlinkat(2) without AT_REMOVEDIR.
func (c *Context) Unlink(dirfd int32, path []byte) unix.Errno {
	var t Target
	if e := c.LookupParent(dirfd, path, 0, &t); e != 0 {
		return e
	}
	if t.Last != LastName {
		return unix.EISDIR
	}
	if t.Slash {
		switch {
		case !t.Exists():
			return unix.ENOENT
		case t.Path.Inode().IsDir():
			return unix.EISDIR
		}
		return unix.ENOTDIR
	}
	if !t.Exists() {
		return unix.ENOENT
	}
	d := t.Path.D
	in := d.Inode
	if e := c.mayRemove(t.Parent, in); e != 0 {
		return e
	}
	if in.IsDir() {
		return unix.EISDIR
	}
	if d.mounted > 0 || t.Path.Mnt != t.Parent.Mnt {
		return unix.EBUSY
	}
	if in.Super.Maker == nil {
		return unix.EPERM
	}
	in.Ctime = c.V.WallNow()
	c.V.itself(in, unix.IN_ATTRIB)
	c.V.RemoveChild(d)
	c.touchDir(t.Parent.Inode())
	c.V.entry(t.Parent.Inode(), in, unix.IN_DELETE, 0, d.Name)
	return 0
}

// Rmdir is rmdir(2).
func (c *Context) Rmdir(dirfd int32, path []byte) unix.Errno {
	var t Target
	if e := c.LookupParent(dirfd, path, 0, &t); e != 0 {
		return e
	}
	switch t.Last {
	case LastDot:
		return unix.EINVAL
	case LastDotDot:
		return unix.ENOTEMPTY
	case LastRoot:
		return unix.EBUSY
	}
	if !t.Exists() {
		return unix.ENOENT
	}
	d := t.Path.D
	in := d.Inode
	if e := c.mayRemove(t.Parent, in); e != 0 {
		return e
	}
	if !in.IsDir() {
		return unix.ENOTDIR
	}
	if d.mounted > 0 || t.Path.Mnt != t.Parent.Mnt || c.isRoot(d) {
		return unix.EBUSY
	}
	if in.Super.Maker == nil {
		return unix.EPERM
	}
	if e := c.V.load(d); e != 0 {
		return e
	}
	if !d.Empty() {
		return unix.ENOTEMPTY
	}
	in.Flags |= InodeDead
	in.Ctime = c.V.WallNow()
	c.V.RemoveChild(d)
	c.touchDir(t.Parent.Inode())
	c.V.entry(t.Parent.Inode(), in, unix.IN_DELETE, 0, d.Name)
	return 0
}

// isRoot reports whether d is the caller's root directory.
func (c *Context) isRoot(d *Dentry) bool { return d == c.FS.Root.D }

// Rename is renameat2(2).
func (c *Context) Rename(fromDir int32, fromPath []byte, toDir int32, toPath []byte, flags uint32) unix.Errno {
	if flags&^(unix.RENAME_NOREPLACE|unix.RENAME_EXCHANGE|unix.RENAME_WHITEOUT) != 0 ||
		flags&(unix.RENAME_NOREPLACE|unix.RENAME_WHITEOUT) != 0 && flags&unix.RENAME_EXCHANGE != 0 {
		return unix.EINVAL
	}
	var from, to Target
	if e := c.LookupParent(fromDir, fromPath, 0, &from); e != 0 {
		return e
	}
	if e := c.LookupParent(toDir, toPath, 0, &to); e != 0 {
		return e
	}
	if from.Parent.Mnt != to.Parent.Mnt {
		return unix.EXDEV
	}
	if from.Last != LastName {
		return unix.EBUSY
	}
	if to.Last != LastName {
		if flags&unix.RENAME_NOREPLACE != 0 {
			return unix.EEXIST
		}
		return unix.EBUSY
	}
	if !from.Exists() {
		return unix.ENOENT
	}
	if flags&unix.RENAME_NOREPLACE != 0 && to.Exists() {
		return unix.EEXIST
	}
	if flags&unix.RENAME_EXCHANGE != 0 && !to.Exists() {
		return unix.ENOENT
	}
	return c.rename(&from, &to, flags)
}

// under reports whether d is dir or below it.
func under(d, dir *Dentry) bool {
	for {
		if d == dir {
			return true
		}
		if d.Parent == d {
			return false
		}
		d = d.Parent
	}
}

func (c *Context) rename(from, to *Target, flags uint32) unix.Errno {
	fd, td := from.Path.D, to.Path.D
	exchange := flags&unix.RENAME_EXCHANGE != 0
	in := fd.Inode
	if !in.IsDir() {
		// A trailing slash demands a directory.
		if from.Slash || !exchange && to.Slash {
			return unix.ENOTDIR
		}
	}
	if exchange && !td.Inode.IsDir() && to.Slash {
		return unix.ENOTDIR
	}
	// Into itself, or over one of its own parents.
	if in.IsDir() && under(to.Parent.D, fd) {
		return unix.EINVAL
	}
	if td != nil && td.Inode.IsDir() && under(from.Parent.D, td) {
		if exchange {
			return unix.EINVAL
		}
		return unix.ENOTEMPTY
	}
	if td != nil && td.Inode == in {
		return 0
	}
	if e := c.mayRemove(from.Parent, in); e != 0 {
		return e
	}
	if td == nil {
		if to.Parent.Inode().Flags&InodeDead != 0 {
			return unix.ENOENT
		}
		if e := c.mayChange(to.Parent); e != 0 {
			return e
		}
	} else {
		if e := c.mayRemove(to.Parent, td.Inode); e != 0 {
			return e
		}
		if !exchange {
			switch {
			case in.IsDir() && !td.Inode.IsDir():
				return unix.ENOTDIR
			case !in.IsDir() && td.Inode.IsDir():
				return unix.EISDIR
			}
		}
	}
	if in.Super.Maker == nil {
		return unix.EPERM
	}
	// Moving a directory elsewhere changes its "..".
	if from.Parent.D != to.Parent.D {
		if in.IsDir() {
			if e := c.may(in, MayWrite); e != 0 {
				return e
			}
		}
		if exchange && td.Inode.IsDir() {
			if e := c.may(td.Inode, MayWrite); e != 0 {
				return e
			}
		}
	}
	if fd.mounted > 0 || from.Path.Mnt != from.Parent.Mnt || c.isRoot(fd) {
		return unix.EBUSY
	}
	if td != nil && (td.mounted > 0 || to.Path.Mnt != to.Parent.Mnt || c.isRoot(td)) {
		return unix.EBUSY
	}
	if td != nil && !exchange && td.Inode.IsDir() {
		if e := c.V.load(td); e != 0 {
			return e
		}
		if !td.Empty() {
			return unix.ENOTEMPTY
		}
	}
	if exchange {
		c.exchange(from, to)
		return 0
	}
	var white *Inode
	if flags&unix.RENAME_WHITEOUT != 0 {
		if !c.Capable(unix.CAP_MKNOD) {
			return unix.EPERM
		}
		var e unix.Errno
		if white, e = c.makeIn(from, unix.S_IFCHR); e != 0 {
			return e
		}
	}
	name, was := string(to.Name), fd.Name
	var over *Inode
	if td != nil {
		over = td.Inode
		td.pin() // it goes when its move was told
		defer c.V.unpin(td)
		if td.Inode.IsDir() {
			td.Inode.Flags |= InodeDead
		}
		td.Inode.Ctime = c.V.WallNow()
		c.V.RemoveChild(td)
	}
	c.move(fd, to.Parent.D, name)
	if white != nil {
		c.V.AddChild(from.Parent.D, string(from.Name), white)
	}
	in.Ctime = c.V.WallNow()
	c.touchDir(from.Parent.Inode())
	c.touchDir(to.Parent.Inode())
	c.V.moved(fd, from.Parent.Inode(), was, over)
	return 0
}

// move gives a dentry another place; the link counts of the parents follow.
func (c *Context) move(d, parent *Dentry, name string) {
	d.unlink()
	if d.Inode.IsDir() {
		d.Parent.Inode.Nlink--
		parent.Inode.Nlink++
	}
	d.Parent, d.Name, d.hash = parent, name, hashName(name)
	d.link()
}

func (c *Context) exchange(from, to *Target) {
	a, b := from.Path.D, to.Path.D
	an, bn := a.Name, b.Name
	ap, bp := from.Parent.D, to.Parent.D
	// a leaves first, so that its name is free for b.
	c.move(a, bp, "")
	c.move(b, ap, an)
	c.move(a, bp, bn)
	now := c.V.WallNow()
	a.Inode.Ctime, b.Inode.Ctime = now, now
	c.touchDir(ap.Inode)
	c.touchDir(bp.Inode)
	c.V.moved(a, ap.Inode, an, nil)
	c.V.moved(b, bp.Inode, bn, nil)
}

// Readlink is the text of a link, for readlinkat(2).
func (c *Context) Readlink(p Path) (string, unix.Errno) {
	in := p.Inode()
	if in.Type() != unix.S_IFLNK {
		return "", unix.EINVAL
	}
	if !p.Mnt.noAtime(in) {
		in.Atime = c.V.WallNow()
	}
	return in.Ops.Readlink(c, in)
}
