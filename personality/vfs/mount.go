package vfs

import (
	"golang.org/x/sys/unix"

	"starling/personality/state"
)

// Mount is a file system instance, or a part of one, attached to a place.
type Mount struct {
	state.MountT
	Super  *Super
	Root   *Dentry
	Up     *Mount  // the mount it is on; nil for the first and for detached ones
	Point  *Dentry // the place in Up
	refs   int32   // pinned paths
	gone   bool    // unmounted
	hidden bool    // never listed: the mount of files without a name
}

// Mounts lists the visible mounts in the order of mounting.
func (v *VFS) Mounts() []*Mount { return v.mounts }

// newMount makes a mount that is attached nowhere.
func (v *VFS) newMount(s *Super, root *Dentry, flags uint64, source string) *Mount {
	m := &Mount{Super: s, Root: root}
	v.nextMountOrder++
	v.nextMountNumber++
	m.Id, m.Flags, m.Source = v.NewID(), flags, source
	m.Order, m.Number = v.nextMountOrder, v.nextMountNumber
	s.refs++
	root.pin()
	return m
}

// MountRoot makes s the first mount.
func (v *VFS) MountRoot(s *Super, flags uint64, source string) *Mount {
	m := v.newMount(s, s.Root, flags, source)
	v.Root = m
	v.mounts = append(v.mounts, m)
	return m
}

// Attach mounts s on a directory (a file for a bind mount of a file).
func (v *VFS) Attach(s *Super, root *Dentry, at Path, flags uint64, source string) (*Mount, unix.Errno) {
	if len(v.mounts) >= MaxMounts {
		return nil, unix.ENOSPC
	}
	if root.Inode.IsDir() != at.Inode().IsDir() {
		return nil, unix.ENOTDIR
	}
	if !at.D.Linked() {
		return nil, unix.ENOENT
	}
	m := v.newMount(s, root, flags, source)
	m.Up, m.Point = at.Mnt, at.D
	at.Pin()
	at.D.mounted++
	v.mounts = append(v.mounts, m)
	return m, 0
}

// on returns the mount that covers p, or nil. The latest wins.
func (v *VFS) on(p Path) *Mount {
	for i := len(v.mounts) - 1; i >= 0; i-- {
		if m := v.mounts[i]; m.Point == p.D && m.Up == p.Mnt {
			return m
		}
	}
	return nil
}

// cover follows the mounts on p to the top.
func (v *VFS) cover(p Path) Path {
	for p.D.mounted > 0 {
		m := v.on(p)
		if m == nil {
			return p
		}
		p = Path{m, m.Root}
	}
	return p
}

// Detach unmounts m. EBUSY while it is in use, unless lazy.
func (v *VFS) Detach(m *Mount, lazy bool) unix.Errno {
	if m == v.Root || m.Up == nil {
		return unix.EINVAL
	}
	for _, o := range v.mounts {
		if o.Up == m {
			if !lazy {
				return unix.EBUSY
			}
			if e := v.Detach(o, true); e != 0 {
				return e
			}
			return v.Detach(m, true)
		}
	}
	if m.refs > 0 && !lazy {
		return unix.EBUSY
	}
	for i := range v.mounts {
		if v.mounts[i] == m {
			v.mounts = append(v.mounts[:i], v.mounts[i+1:]...)
			break
		}
	}
	m.Point.mounted--
	v.Unpin(Path{m.Up, m.Point})
	m.Up, m.Point, m.gone = nil, nil, true
	v.settle(m)
	return 0
}

// settle lets go of a mount that nothing uses any more.
func (v *VFS) settle(m *Mount) {
	if !m.gone || m.refs > 0 || m.Root == nil {
		return
	}
	root, s := m.Root, m.Super
	m.Root = nil
	v.unpin(root)
	s.refs--
	if s.refs > 0 {
		return
	}
	for i := range v.supers {
		if v.supers[i] == s {
			v.supers = append(v.supers[:i], v.supers[i+1:]...)
			break
		}
	}
	if s.InCore {
		v.discard(s.Root)
	}
}

// discard evicts a whole tree.
func (v *VFS) discard(d *Dentry) {
	if d.dir != nil && d.Inode.Image == 0 {
		for _, e := range d.dir.entries {
			if e.d != nil {
				e.d.linked = false
				v.discard(e.d)
			}
		}
		d.dir = &directory{}
	}
	if d.Inode.Flags&InodeObserved != 0 {
		v.Observer.Happened(d.Inode, unix.IN_UNMOUNT, 0, "")
		v.Observer.Forget(d.Inode)
	}
	if d.Inode.Nlink > 0 && !d.Inode.IsDir() {
		d.Inode.Nlink--
	} else {
		d.Inode.Nlink = 0
	}
	v.mayEvict(d.Inode)
}

// readOnly reports whether writing through the mount is refused.
func (m *Mount) readOnly() bool {
	return (m.Flags|m.Super.Flags)&unix.MS_RDONLY != 0
}

// NoExec reports whether programs must not run from the mount.
func (m *Mount) NoExec() bool { return m.Flags&unix.MS_NOEXEC != 0 }

// anonType is the instance behind files that have no name.
type anonType struct{}

func (anonType) Name() string { return "anon_inodefs" }

func (anonType) Mount(*Context, string, string) (*Super, unix.Errno) { return nil, unix.ENODEV }

func (anonType) RestoreSuper(s *Super) unix.Errno { s.InCore = true; return 0 }

func (anonType) RestoreInode(in *Inode) unix.Errno { in.Ops = anonOps{}; return 0 }

type anonOps struct{ NodeBase }

// hiddenMount makes a mount for files without a name; they have the instance's
// device number.
func (v *VFS) hiddenMount(s *Super) *Mount {
	m := v.newMount(s, s.Root, unix.MS_NOUSER, "none")
	m.hidden = true
	return m
}

// anonMount is the mount of the anonymous inode, made at its first use.
func (v *VFS) anonMount() *Mount {
	if v.anon == nil {
		s := v.NewSuper(v.types[0], "")
		s.InCore = true
		in := v.NewInode(s, 0600, anonOps{})
		v.NewRoot(s, in)
		v.anon = v.hiddenMount(s)
	}
	return v.anon
}
