package vfs

import (
	"slices"

	"golang.org/x/sys/unix"

	"starling/personality/state"
)

// Restorer finds imported objects by id. Its methods return nil for an id that
// names nothing. It is good until the import of the whole personality is done.
type Restorer struct {
	V        *VFS
	supers   map[uint64]*Super
	inodes   map[uint64]*Inode
	dentries map[uint64]*Dentry
	mounts   map[uint64]*Mount
	files    map[uint64]*File
	tables   map[uint64]*FDTable
	fss      map[uint64]*FSContext
}

// Super finds an instance.
func (r *Restorer) Super(id uint64) *Super { return r.supers[id] }

// Inode finds an inode.
func (r *Restorer) Inode(id uint64) *Inode { return r.inodes[id] }

// File finds an open file description; the caller adds its reference with Get.
func (r *Restorer) File(id uint64) *File { return r.files[id] }

// Mount finds a mount.
func (r *Restorer) Mount(id uint64) *Mount { return r.mounts[id] }

// Path finds a place; the caller pins it.
func (r *Restorer) Path(mount, dentry uint64) (Path, bool) {
	m, d := r.mounts[mount], r.dentries[dentry]
	return Path{m, d}, m != nil && d != nil
}

// FDTable finds a descriptor table and adds the reference of one thread.
func (r *Restorer) FDTable(id uint64) *FDTable {
	t := r.tables[id]
	if t != nil {
		t.refs++
	}
	return t
}

// FSContext finds a context and adds the reference of one thread.
func (r *Restorer) FSContext(id uint64) *FSContext {
	fs := r.fss[id]
	if fs != nil {
		fs.refs++
	}
	return fs
}

// Import makes everything of a state. v must be new, with all types, modules,
// kinds and devices registered. EINVAL for a state that is not whole.
func (v *VFS) Import(t *state.VFST) (*Restorer, unix.Errno) {
	r := &Restorer{
		V: v, supers: map[uint64]*Super{}, inodes: make(map[uint64]*Inode, len(t.Inodes)), dentries: make(map[uint64]*Dentry, len(t.Dentries)),
		mounts: map[uint64]*Mount{}, files: make(map[uint64]*File, len(t.Files)), tables: make(map[uint64]*FDTable, len(t.FdTables)),
		fss: make(map[uint64]*FSContext, len(t.FsContexts)),
	}
	v.nextDev, v.nextMountOrder, v.nextMountNumber = t.NextDev, t.NextMountOrder, t.NextMountNumber
	for _, step := range []func(*state.VFST) unix.Errno{
		r.importSupers, r.importInodes, r.importDentries, r.importMounts, r.importModules,
		r.importFiles, r.relink, r.importTables, r.importContexts, r.importLocks,
	} {
		if e := step(t); e != 0 {
			return nil, e
		}
	}
	return r, 0
}

func (r *Restorer) importSupers(t *state.VFST) unix.Errno {
	for _, st := range t.Supers {
		s := &Super{SuperT: *st, FSType: r.V.TypeByName(st.Type)}
		if s.FSType == nil {
			return unix.EINVAL
		}
		if e := s.FSType.RestoreSuper(s); e != 0 {
			return e
		}
		r.supers[s.Id] = s
		r.V.supers = append(r.V.supers, s)
	}
	return 0
}

func (r *Restorer) importInodes(t *state.VFST) unix.Errno {
	for _, st := range t.Inodes {
		in := &Inode{InodeT: *st, Super: r.supers[st.Super]}
		if in.Super == nil {
			return unix.EINVAL
		}
		if e := in.Super.FSType.RestoreInode(in); e != 0 {
			return e
		}
		r.inodes[in.Id] = in
	}
	return 0
}

func (r *Restorer) importDentries(t *state.VFST) unix.Errno {
	for _, st := range t.Dentries {
		in := r.inodes[st.Inode]
		if in == nil {
			return unix.EINVAL
		}
		d := &Dentry{ID: st.Id, Name: st.Name, Inode: in, Cookie: st.Cookie, hash: hashName(st.Name)}
		if in.IsDir() {
			d.dir = &directory{}
		}
		r.dentries[d.ID] = d
	}
	ordered := slices.Clone(t.Dentries)
	slices.SortFunc(ordered, func(a, b *state.DentryT) int { return compareID(a.Cookie, b.Cookie) })
	for _, st := range ordered {
		d, parent := r.dentries[st.Id], r.dentries[st.Parent]
		if parent == nil {
			return unix.EINVAL
		}
		d.Parent = parent
		if st.Hashed {
			if parent.dir == nil {
				return unix.EINVAL
			}
			d.linked = true
			parent.dir.add(d)
		}
	}
	for _, st := range t.Supers {
		s := r.supers[st.Id]
		if s.Root = r.dentries[st.Root]; s.Root == nil {
			return unix.EINVAL
		}
	}
	return 0
}

func (r *Restorer) importMounts(t *state.VFST) unix.Errno {
	for _, st := range t.Mounts {
		m := &Mount{MountT: *st, Super: r.supers[st.Super], Root: r.dentries[st.Root]}
		if m.Super == nil {
			return unix.EINVAL
		}
		if m.Root != nil {
			m.Super.refs++
			m.Root.pin()
		} else {
			m.gone = true
		}
		r.mounts[m.Id] = m
	}
	ordered := slices.Clone(t.Mounts)
	slices.SortFunc(ordered, func(a, b *state.MountT) int { return compareID(a.Order, b.Order) })
	for _, st := range ordered {
		m := r.mounts[st.Id]
		m.Parent, m.MountT.Point, m.MountT.Root, m.MountT.Super = 0, 0, 0, 0
		if st.Parent != 0 {
			at, ok := r.Path(st.Parent, st.Point)
			if !ok {
				return unix.EINVAL
			}
			m.Up, m.Point = at.Mnt, at.D
			at.Pin()
			at.D.mounted++
		}
		switch {
		case m.Root == nil:
		case st.Flags&unix.MS_NOUSER != 0:
			m.hidden = true
			if m.Super.Type == r.V.types[0].Name() {
				r.V.anon = m
			}
		case st.Id == t.RootMount:
			r.V.Root = m
			r.V.mounts = append(r.V.mounts, m)
		case m.Up != nil:
			r.V.mounts = append(r.V.mounts, m)
		default:
			m.gone = true // unmounted lazily, still in use
		}
	}
	return 0
}

func (r *Restorer) importModules(t *state.VFST) unix.Errno {
	for _, m := range r.V.modules {
		if e := m.Import(t, r); e != 0 {
			return e
		}
	}
	return 0
}

func (r *Restorer) importFiles(t *state.VFST) unix.Errno {
	for _, st := range t.Files {
		p, ok := r.Path(st.Mount, st.Dentry)
		if !ok {
			return unix.EINVAL
		}
		f := &File{FileT: *st, Path: p, Inode: p.D.Inode}
		f.FileT.Mount, f.FileT.Dentry = 0, 0
		p.Pin()
		if f.Modes&ModeWrite != 0 {
			f.Inode.writers++
		}
		r.V.files.add(f)
		r.files[f.Id] = f
		if e := r.reopen(f); e != 0 {
			return e
		}
	}
	return 0
}

// reopen sets the operations of an imported file.
func (r *Restorer) reopen(f *File) unix.Errno {
	f.Ops = pathOps{}
	switch {
	case f.Modes&ModePath != 0:
		return 0
	case f.Kind != KindInode:
		if k := r.V.kinds[f.Kind]; k != nil {
			return k.Reopen(f)
		}
		return unix.EINVAL
	}
	switch f.Inode.openType() {
	case 0, unix.S_IFREG, unix.S_IFSOCK:
		return f.Inode.Ops.Reopen(f)
	case unix.S_IFDIR:
		f.Ops = dirOps{}
		return 0
	case unix.S_IFIFO:
		return r.V.fifo.Reopen(f)
	case unix.S_IFCHR:
		if d := r.V.device(f.Inode); d != nil {
			return d.Reopen(f)
		}
	}
	return unix.EINVAL
}

func (r *Restorer) relink(*state.VFST) unix.Errno {
	for _, m := range r.V.modules {
		if e := m.Relink(r); e != 0 {
			return e
		}
	}
	return 0
}

func (r *Restorer) importTables(t *state.VFST) unix.Errno {
	for _, st := range t.FdTables {
		fd := &FDTable{ID: st.Id}
		for _, d := range st.Descriptors {
			f := r.files[d.File]
			if f == nil || d.Fd < 0 || d.Fd >= MaxDescriptors {
				return unix.EINVAL
			}
			if !r.V.grow(fd, int(d.Fd)) {
				return unix.ENOMEM
			}
			fd.fds[d.Fd] = descriptor{f.Get(), d.Flags&unix.FD_CLOEXEC != 0}
		}
		r.V.tables.add(fd)
		r.tables[fd.ID] = fd
	}
	return 0
}

func (r *Restorer) importContexts(t *state.VFST) unix.Errno {
	for _, st := range t.FsContexts {
		root, ok1 := r.Path(st.RootMount, st.Root)
		cwd, ok2 := r.Path(st.CwdMount, st.Cwd)
		if !ok1 || !ok2 {
			return unix.EINVAL
		}
		fs := &FSContext{ID: st.Id, Root: root, Cwd: cwd, Umask: st.Umask}
		root.Pin()
		cwd.Pin()
		r.V.fss.add(fs)
		r.fss[fs.ID] = fs
	}
	return 0
}

func (r *Restorer) importLocks(t *state.VFST) unix.Errno {
	for _, st := range t.Locks {
		in := r.inodes[st.Inode]
		if in == nil {
			return unix.EINVAL
		}
		if in.locks == nil {
			in.locks = &lockList{}
		}
		in.locks.all = append(in.locks.all, lockOf(st))
	}
	for _, st := range t.LockWaits {
		in := r.inodes[st.Inode]
		if in == nil {
			return unix.EINVAL
		}
		r.V.waits = append(r.V.waits, waitOf(st, in))
	}
	return 0
}

// HiddenMountOf finds the hidden mount of a file system by the name of its type.
func (r *Restorer) HiddenMountOf(name string) *Mount {
	for _, m := range r.mounts {
		if m.hidden && m.Super.Type == name {
			return m
		}
	}
	return nil
}
