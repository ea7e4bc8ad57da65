package vfs

import (
	"slices"

	"starling/personality/state"
	"starling/personality/wait"
)

// exporter collects what can be reached.
type exporter struct {
	inodes   map[*Inode]bool
	dentries map[*Dentry]bool
	t        *state.VFST
}

// Export is the whole state of the file layer. It changes nothing.
func (v *VFS) Export() *state.VFST {
	const usual = 512 // names in core: the maps do not grow in steps meanwhile
	x := &exporter{inodes: make(map[*Inode]bool, usual), dentries: make(map[*Dentry]bool, usual), t: &state.VFST{}}
	t := x.t
	t.NextDev, t.NextMountOrder, t.NextMountNumber = v.nextDev, v.nextMountOrder, v.nextMountNumber
	if v.Root != nil {
		t.RootMount = v.Root.Id
	}
	for _, s := range v.supers {
		c := s.SuperT
		c.Root = s.Root.ID
		t.Supers = append(t.Supers, &c)
		x.tree(s.Root)
		if k, ok := s.FSType.(Keeper); ok {
			k.Kept(s, x.inode)
		}
	}
	x.mounts(v)
	x.files(v)
	for _, fd := range v.tables.all {
		t.FdTables = append(t.FdTables, fd.export())
	}
	for _, fs := range v.fss.all {
		x.path(fs.Root)
		x.path(fs.Cwd)
		t.FsContexts = append(t.FsContexts, &state.FSContextT{
			Id: fs.ID, RootMount: fs.Root.Mnt.Id, Root: fs.Root.D.ID,
			CwdMount: fs.Cwd.Mnt.Id, Cwd: fs.Cwd.D.ID, Umask: fs.Umask,
		})
	}
	v.Locks(func(in *Inode, l Lock) {
		t.Locks = append(t.Locks, &state.FileLockT{Inode: in.Id, Kind: uint32(l.Kind), Owner: l.Owner,
			Pid: l.PID, Exclusive: l.Exclusive, Start: l.Start, End: l.End})
	})
	for i := range v.waits {
		w := &v.waits[i]
		if v.waiting(w) {
			t.LockWaits = append(t.LockWaits, &state.LockWaitT{Thread: uint32(w.thread), Owner: w.lock.Owner,
				Inode: w.in.Id, Exclusive: w.lock.Exclusive, Start: w.lock.Start, End: w.lock.End})
		}
	}
	for _, m := range v.modules {
		if p, ok := m.(PathHolder); ok {
			p.Paths(x.path)
		}
		m.Export(t)
	}
	x.finish()
	return t
}

// Keeper is an FSType with inodes that no name leads to yet: further links that
// are still only in the boot image.
type Keeper interface {
	Kept(s *Super, keep func(*Inode))
}

// PathHolder is a Module whose objects pin paths: a bound socket.
type PathHolder interface{ Paths(hold func(Path)) }

func (x *exporter) mounts(v *VFS) {
	seen := map[*Mount]bool{}
	add := func(m *Mount) {
		for m != nil && !seen[m] {
			seen[m] = true
			c := m.MountT
			if m.Root != nil {
				c.Root = m.Root.ID
				x.dentry(m.Root)
			}
			c.Super = m.Super.Id
			c.Parent, c.Point = 0, 0
			if m.Up != nil {
				c.Parent, c.Point = m.Up.Id, m.Point.ID
				x.dentry(m.Point)
			}
			x.t.Mounts = append(x.t.Mounts, &c)
			m = m.Up
		}
	}
	for _, m := range v.mounts {
		add(m)
	}
	if v.anon != nil {
		add(v.anon)
	}
	for _, f := range v.files.all {
		add(f.Mnt)
	}
	for _, fs := range v.fss.all {
		add(fs.Root.Mnt)
		add(fs.Cwd.Mnt)
	}
	for _, m := range v.modules {
		if h, ok := m.(MountHolder); ok {
			if mnt := h.HiddenMount(); mnt != nil {
				add(mnt)
			}
		}
	}
}

// MountHolder is a Module with a hidden mount of its own, nil before its first use.
type MountHolder interface{ HiddenMount() *Mount }

func (x *exporter) files(v *VFS) {
	for _, f := range v.files.all {
		c := f.FileT
		c.Mount, c.Dentry = f.Mnt.Id, f.D.ID
		if len(c.Data) == 0 {
			c.Data = nil
		}
		x.path(f.Path)
		x.t.Files = append(x.t.Files, &c)
	}
}

func (x *exporter) path(p Path) { x.dentry(p.D) }

// dentry adds a dentry, its parents and their inodes.
func (x *exporter) dentry(d *Dentry) {
	for !x.dentries[d] {
		x.dentries[d] = true
		x.inode(d.Inode)
		c := &state.DentryT{Id: d.ID, Name: d.Name, Inode: d.Inode.Id, Cookie: d.Cookie, Hashed: d.linked, Parent: d.Parent.ID}
		x.t.Dentries = append(x.t.Dentries, c)
		d = d.Parent
	}
}

// tree adds the names below d that are in core.
func (x *exporter) tree(d *Dentry) {
	x.dentry(d)
	if d.dir == nil || !d.Inode.Super.InCore {
		return
	}
	for _, e := range d.dir.entries {
		if e.d != nil {
			x.tree(e.d)
		}
	}
}

func (x *exporter) inode(in *Inode) {
	if x.inodes[in] {
		return
	}
	x.inodes[in] = true
	c := in.InodeT
	c.Super = in.Super.Id
	x.t.Inodes = append(x.t.Inodes, &c)
}

func (x *exporter) finish() {
	t := x.t
	slices.SortFunc(t.Supers, func(a, b *state.SuperT) int { return compareID(a.Id, b.Id) })
	slices.SortFunc(t.Inodes, func(a, b *state.InodeT) int { return compareID(a.Id, b.Id) })
	slices.SortFunc(t.Dentries, func(a, b *state.DentryT) int { return compareID(a.Id, b.Id) })
	slices.SortFunc(t.Mounts, func(a, b *state.MountT) int { return compareID(a.Id, b.Id) })
	slices.SortFunc(t.Files, func(a, b *state.FileT) int { return compareID(a.Id, b.Id) })
	slices.SortFunc(t.FdTables, func(a, b *state.FDTableT) int { return compareID(a.Id, b.Id) })
	slices.SortFunc(t.FsContexts, func(a, b *state.FSContextT) int { return compareID(a.Id, b.Id) })
	slices.SortFunc(t.LockWaits, func(a, b *state.LockWaitT) int { return int(a.Thread) - int(b.Thread) })
}

// lockOf makes a lock of its state.
func lockOf(t *state.FileLockT) Lock {
	return Lock{LockKind(t.Kind), t.Owner, t.Pid, t.Exclusive, t.Start, t.End}
}

// waitOf makes a lock wait of its state.
func waitOf(t *state.LockWaitT, in *Inode) lockWait {
	return lockWait{wait.Thread(t.Thread), in,
		Lock{LockProcess, t.Owner, 0, t.Exclusive, t.Start, t.End}}
}

// SortByID sorts the state of objects by their ids: how every table is exported.
func SortByID[T any](all []T, id func(T) uint64) {
	slices.SortFunc(all, func(a, b T) int { return compareID(id(a), id(b)) })
}
