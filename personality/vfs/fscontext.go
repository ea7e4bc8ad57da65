package vfs

import "golang.org/x/sys/unix"

// FSContext is where a process is in the tree: shared with CLONE_FS.
type FSContext struct {
	ID    uint64
	Root  Path
	Cwd   Path
	Umask uint32
	refs  int32
	slot  int32
}

func (fs *FSContext) slotOf() *int32 { return &fs.slot }

// NewFSContext makes the context of the first process, at the root.
func (v *VFS) NewFSContext() *FSContext {
	root := v.cover(Path{v.Root, v.Root.Root})
	fs := &FSContext{ID: v.NewID(), Root: root, Cwd: root, Umask: 022, refs: 1}
	root.Pin()
	root.Pin()
	v.fss.add(fs)
	return fs
}

// ShareFSContext adds a reference (CLONE_FS).
func (v *VFS) ShareFSContext(fs *FSContext) *FSContext {
	fs.refs++
	return fs
}

// Shared reports whether several processes use the context.
func (fs *FSContext) Shared() bool { return fs.refs > 1 }

// CloneFSContext copies a context, as fork does.
func (v *VFS) CloneFSContext(fs *FSContext) *FSContext {
	n := &FSContext{ID: v.NewID(), Root: fs.Root, Cwd: fs.Cwd, Umask: fs.Umask, refs: 1}
	n.Root.Pin()
	n.Cwd.Pin()
	v.fss.add(n)
	return n
}

// PutFSContext drops a reference.
func (v *VFS) PutFSContext(fs *FSContext) {
	fs.refs--
	if fs.refs > 0 {
		return
	}
	v.fss.remove(fs)
	v.Unpin(fs.Root)
	v.Unpin(fs.Cwd)
}

// Chdir changes the working directory.
func (c *Context) Chdir(p Path) unix.Errno {
	if !p.Inode().IsDir() {
		return unix.ENOTDIR
	}
	if e := c.may(p.Inode(), MayExec); e != 0 {
		return e
	}
	p.Pin()
	c.V.Unpin(c.FS.Cwd)
	c.FS.Cwd = p
	return 0
}

// Chroot changes the root directory.
func (c *Context) Chroot(p Path) unix.Errno {
	if !p.Inode().IsDir() {
		return unix.ENOTDIR
	}
	if e := c.may(p.Inode(), MayExec); e != 0 {
		return e
	}
	if !c.Capable(unix.CAP_SYS_CHROOT) {
		return unix.EPERM
	}
	p.Pin()
	c.V.Unpin(c.FS.Root)
	c.FS.Root = p
	return 0
}
