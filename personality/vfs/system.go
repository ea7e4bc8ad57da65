package vfs

import (
	"math"

	"golang.org/x/sys/unix"

	"starling/personality/cred"
)

// System is a context with root's rights at the first mount, for what the
// personality itself does before there is a process.
func (v *VFS) System() *Context {
	c := &Context{V: v, Cred: cred.Root(0), FileSizeLimit: math.MaxUint64, OpenLimit: MaxDescriptors}
	if v.Root != nil {
		root := v.cover(Path{v.Root, v.Root.Root})
		c.FS = &FSContext{Root: root, Cwd: root, Umask: 0}
	}
	return c
}

// AddNode makes a node in an in-core directory, owned by root: how /dev and
// /dev/pts are filled. Mode has the type bits.
func (v *VFS) AddNode(parent *Dentry, name string, mode uint32, rdev uint64) (*Dentry, unix.Errno) {
	if e := v.load(parent); e != 0 {
		return nil, e
	}
	if d := parent.dir.find([]byte(name)); d != nil {
		return d, unix.EEXIST
	}
	s := parent.Inode.Super
	if s.Maker == nil {
		return nil, unix.EPERM
	}
	in, e := s.Maker.Make(v.System(), s, mode)
	if e != 0 {
		return nil, e
	}
	in.Rdev = rdev
	if in.IsDir() {
		in.Nlink = 2
		parent.Inode.Nlink++
	}
	return v.AddChild(parent, name, in), 0
}

// AddLink makes a symbolic link in an in-core directory.
func (v *VFS) AddLink(parent *Dentry, name, target string) (*Dentry, unix.Errno) {
	d, e := v.AddNode(parent, name, unix.S_IFLNK|0777, 0)
	if e == 0 {
		d.Inode.Target, d.Inode.Size = target, int64(len(target))
	}
	return d, e
}
