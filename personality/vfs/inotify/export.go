package inotify

import (
	"fmt"

	"golang.org/x/sys/unix"

	"starling/personality/state"
	"starling/personality/vfs"
)

// Describe appends the lines of /proc/PID/fdinfo (proc(5)).
func (fileOps) Describe(f *vfs.File, b []byte) []byte {
	for _, w := range Of(f).watches {
		b = fmt.Appendf(b, "inotify wd:%x ino:%x sdev:%x mask:%x ignored_mask:0 \n", w.wd, w.in.Ino, w.in.Super.Dev, w.mask)
	}
	return b
}

// Paths implements vfs.PathHolder.
func (m *Instances) Paths(hold func(vfs.Path)) {
	for _, i := range m.all {
		for _, w := range i.watches {
			if w.path.D != nil {
				hold(w.path)
			}
		}
	}
}

// Export implements vfs.Module.
func (m *Instances) Export(t *state.VFST) {
	for _, i := range m.all {
		x := i.InotifyT
		for _, w := range i.watches {
			y := &state.InotifyWatchT{Inode: w.in.Id, Wd: w.wd, Mask: w.mask}
			if w.path.D != nil {
				y.Mount, y.Dentry = w.path.Mnt.Id, w.path.D.ID
			}
			x.Watches = append(x.Watches, y)
		}
		x.Events = i.events
		t.Inotifies = append(t.Inotifies, &x)
	}
	vfs.SortByID(t.Inotifies, func(i *state.InotifyT) uint64 { return i.Id })
	t.InotifyCookie = m.cookie
}

// Import implements vfs.Module.
func (m *Instances) Import(t *state.VFST, r *vfs.Restorer) unix.Errno {
	m.cookie = t.InotifyCookie
	for _, x := range t.Inotifies {
		i := &Instance{InotifyT: *x, m: m, events: x.Events}
		i.InotifyT.Watches, i.InotifyT.Events = nil, nil
		m.events += len(i.events)
		for _, y := range x.Watches {
			w := &watch{in: r.Inode(y.Inode), i: i, wd: y.Wd, mask: y.Mask}
			if w.in == nil {
				return unix.EINVAL
			}
			if y.Dentry != 0 {
				p, ok := r.Path(y.Mount, y.Dentry)
				if !ok {
					return unix.EINVAL
				}
				w.path = p
				p.Pin()
			}
			i.watches = append(i.watches, w)
			m.observe(w)
		}
		m.all[i.Id] = i
	}
	return 0
}

// Relink implements vfs.Module.
func (*Instances) Relink(*vfs.Restorer) unix.Errno { return 0 }

// kind implements vfs.Kind.
type kind struct{ m *Instances }

func (k kind) Reopen(f *vfs.File) unix.Errno {
	i := k.m.all[f.Key0]
	if i == nil {
		return unix.EINVAL
	}
	f.Private, f.Ops = i, fileOps{}
	return 0
}
