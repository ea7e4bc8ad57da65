package tmpfs

import (
	"golang.org/x/sys/unix"

	"starling/personality/state"
	"starling/personality/vfs"
)

// Memfd makes an open file for memfd_create(2). sealable: MFD_ALLOW_SEALING.
func (t *Type) Memfd(name string, sealable bool) (*vfs.File, unix.Errno) {
	f, e := t.Nameless("/memfd:"+name+" (deleted)", vfs.KindInode, 0, 0)
	if e != 0 {
		return nil, e
	}
	f.Modes |= vfs.ModeSeek
	if sealable {
		f.Inode.Seals = 0
	}
	return f, 0
}

// Nameless makes an open file of size bytes that no directory has; shown is what /proc calls it. It has no
// seals and allows none.
func (t *Type) Nameless(shown string, kind uint32, key0 uint64, size int64) (*vfs.File, unix.Errno) {
	if t.memfds == nil {
		t.memfds = t.v.HiddenMount(t)
	}
	in := t.inode(t.memfds.Super, unix.S_IFREG|0777)
	in.Nlink = 0
	in.Size = size
	in.Seals = unix.F_SEAL_SEAL
	f, e := t.v.NewHiddenFile(t.memfds, in, shown, kind, key0, fileOps{t: t}, unix.O_RDWR|0x8000)
	if e != 0 {
		t.Evict(t.v, in)
	}
	return f, e
}

// Resident is how many pages of a file there are.
func (t *Type) Resident(in *vfs.Inode) uint64 {
	t.account(in)
	return in.Pages
}

// IsMemory reports whether in is a file of a tmpfs, which has seals.
func IsMemory(in *vfs.Inode) bool {
	_, ok := in.Ops.(*Type)
	return ok && in.IsRegular()
}

// sealed refuses a write that would end at end.
func sealed(in *vfs.Inode, end int64) unix.Errno {
	if in.Seals == 0 {
		return 0
	}
	if in.Seals&(unix.F_SEAL_WRITE|unix.F_SEAL_FUTURE_WRITE) != 0 ||
		in.Seals&unix.F_SEAL_GROW != 0 && end > in.Size {
		return unix.EPERM
	}
	return 0
}

// AddSeals is fcntl(2) F_ADD_SEALS. Writable shared mappings stand against F_SEAL_WRITE.
func AddSeals(f *vfs.File, seals uint32) unix.Errno {
	in := f.Inode
	const known = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE | unix.F_SEAL_FUTURE_WRITE
	switch {
	case !IsMemory(in) || seals&^known != 0:
		return unix.EINVAL
	case !f.Writable() || in.Seals&unix.F_SEAL_SEAL != 0:
		return unix.EPERM
	case seals&unix.F_SEAL_WRITE&^in.Seals != 0 && in.WritableMappings() > 0:
		return unix.EBUSY
	}
	in.Seals |= seals
	return 0
}

// module is the part of the state that is not inodes: where the memfds are.
type module struct{ t *Type }

// Export implements vfs.Module: everything is in inodes.
func (module) Export(*state.VFST) {}

// Import implements vfs.Module.
func (m module) Import(_ *state.VFST, r *vfs.Restorer) unix.Errno {
	m.t.memfds = r.HiddenMountOf(m.t.name)
	return 0
}

// Relink implements vfs.Module.
func (module) Relink(*vfs.Restorer) unix.Errno { return 0 }

// HiddenMount implements vfs.MountHolder.
func (m module) HiddenMount() *vfs.Mount { return m.t.memfds }
