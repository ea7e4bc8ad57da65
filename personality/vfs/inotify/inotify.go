// Package inotify is inotify(7): descriptors that tell what happens to files. The file layer calls Happened for inodes that
// have vfs.InodeObserved, which are those with a watch.
//
// A watch does not keep its file: when that goes, so does the watch. Only a file of a file system that makes its inodes
// anew at every look, as proc, is pinned while it is watched.
package inotify

import (
	"encoding/binary"
	"slices"

	"golang.org/x/sys/unix"

	"starling/personality/state"
	"starling/personality/usermem"
	"starling/personality/vfs"
	"starling/personality/wait"
)

// Limits (inotify(7), /proc/sys/fs/inotify). WatchesMax and InstancesMax are for a user. What all instances hold together
// is bounded too, because it is the server's memory: what comes then is lost as in a full queue.
const (
	QueueMax     = 16384
	InstancesMax = 128
	WatchesMax   = 16384
	eventsMax    = 32768
)

// allEvents is IN_ALL_EVENTS, kept the other bits of a mask that a watch has.
const (
	allEvents = unix.IN_ALL_EVENTS
	kept      = allEvents | unix.IN_ONESHOT | unix.IN_EXCL_UNLINK
	known     = kept | unix.IN_ONLYDIR | unix.IN_DONT_FOLLOW | unix.IN_MASK_CREATE | unix.IN_MASK_ADD | unix.IN_UNMOUNT | unix.IN_Q_OVERFLOW | unix.IN_IGNORED | unix.IN_ISDIR
)

// Instances is the module. It implements vfs.Module and vfs.Observer.
type Instances struct {
	v       *vfs.VFS
	all     map[uint64]*Instance
	watched map[*vfs.Inode][]*watch // in the order in which they came
	cookie  uint32
	events  int // of all instances, not read yet
}

// Instance is one inotify descriptor.
type Instance struct {
	state.InotifyT // Watches and Events of the state are made when it is exported
	m              *Instances
	watches        []*watch // by descriptor
	events         []*state.InotifyEventT
}

type watch struct {
	in   *vfs.Inode
	path vfs.Path // pinned, if not empty
	i    *Instance
	wd   int32
	mask uint32
}

// New makes the module and registers it.
func New(v *vfs.VFS) *Instances {
	m := &Instances{v: v, all: map[uint64]*Instance{}, watched: map[*vfs.Inode][]*watch{}}
	v.Observer = m
	v.RegisterModule(m)
	v.RegisterKind(vfs.KindInotify, kind{m})
	return m
}

// Create is inotify_init1(2).
func (m *Instances) Create(c *vfs.Context, flags uint32) (*vfs.File, unix.Errno) {
	n := 0
	for _, i := range m.all {
		if i.Uid == c.Cred.UID {
			n++
		}
	}
	if n >= InstancesMax {
		return nil, unix.EMFILE
	}
	i := &Instance{InotifyT: state.InotifyT{Id: m.v.NewID(), Uid: c.Cred.UID}, m: m}
	f, e := m.v.NewAnonFile("anon_inode:inotify", vfs.KindInotify, i.Id, fileOps{}, unix.O_RDONLY|flags&unix.O_NONBLOCK)
	if e != 0 {
		return nil, e
	}
	m.all[i.Id], f.Private = i, i
	return f, 0
}

// Of is the instance behind an open file, or nil.
func Of(f *vfs.File) *Instance {
	i, _ := f.Private.(*Instance)
	return i
}

// CheckMask refuses what inotify_add_watch(2) refuses before it looks at anything else.
func CheckMask(mask uint32) unix.Errno {
	if mask&known == 0 {
		return unix.EINVAL
	}
	return 0
}

// Add is inotify_add_watch(2), for a path that was found.
func (i *Instance) Add(c *vfs.Context, p vfs.Path, mask uint32) (int32, unix.Errno) {
	in := p.Inode()
	if !c.MayRead(in) {
		return 0, unix.EACCES
	}
	for _, w := range i.watches {
		if w.in != in {
			continue
		}
		switch {
		case mask&unix.IN_MASK_CREATE != 0:
			return 0, unix.EEXIST
		case mask&unix.IN_MASK_ADD != 0:
			w.mask |= mask & kept
		default:
			w.mask = mask & kept
		}
		return w.wd, 0
	}
	n := 0
	for _, o := range i.m.all {
		if o.Uid == i.Uid {
			n += len(o.watches)
		}
	}
	if n >= WatchesMax {
		return 0, unix.ENOSPC
	}
	i.LastWd++
	w := &watch{in: in, i: i, wd: i.LastWd, mask: mask & kept}
	if !in.Super.InCore {
		w.path = p
		p.Pin()
	}
	i.watches = append(i.watches, w)
	i.m.observe(w)
	return w.wd, 0
}

func (m *Instances) observe(w *watch) {
	w.in.Flags |= vfs.InodeObserved
	m.watched[w.in] = append(m.watched[w.in], w)
	m.v.Observed = len(m.watched)
}

// Remove is inotify_rm_watch(2).
func (i *Instance) Remove(wd int32) unix.Errno {
	n, found := slices.BinarySearchFunc(i.watches, wd, func(w *watch, wd int32) int { return int(w.wd - wd) })
	if !found {
		return unix.EINVAL
	}
	i.drop(i.watches[n])
	return 0
}

// drop ends a watch, and says so.
func (i *Instance) drop(w *watch) {
	i.watches = slices.DeleteFunc(i.watches, func(o *watch) bool { return o == w })
	i.add(w.wd, unix.IN_IGNORED, 0, "")
	i.m.forget(w)
}

// forget takes a watch off its inode.
func (m *Instances) forget(w *watch) {
	left := slices.DeleteFunc(m.watched[w.in], func(o *watch) bool { return o == w })
	if m.watched[w.in] = left; len(left) == 0 {
		delete(m.watched, w.in)
		w.in.Flags &^= vfs.InodeObserved
	}
	m.v.Observed = len(m.watched)
	if w.path.D != nil {
		m.v.Unpin(w.path)
	}
}

// Happened implements vfs.Observer.
func (m *Instances) Happened(in *vfs.Inode, what, cookie uint32, name string) {
	for _, w := range slices.Clone(m.watched[in]) {
		if what&(allEvents|unix.IN_UNMOUNT)&(w.mask|unix.IN_UNMOUNT) == 0 || what&vfs.Unlinked != 0 && w.mask&unix.IN_EXCL_UNLINK != 0 {
			continue
		}
		told := what &^ vfs.Unlinked
		if told&(unix.IN_DELETE_SELF|unix.IN_MOVE_SELF) != 0 {
			told &^= unix.IN_ISDIR
		}
		w.i.add(w.wd, told, cookie, name)
		if w.mask&unix.IN_ONESHOT != 0 {
			w.i.drop(w)
		}
	}
}

// Gone implements vfs.Observer.
func (m *Instances) Gone(in *vfs.Inode) {
	m.Happened(in, unix.IN_DELETE_SELF, 0, "")
	m.Forget(in)
}

// Forget implements vfs.Observer.
func (m *Instances) Forget(in *vfs.Inode) {
	for _, w := range slices.Clone(m.watched[in]) {
		w.i.drop(w)
	}
}

// Cookie implements vfs.Observer.
func (m *Instances) Cookie() uint32 {
	m.cookie++
	return m.cookie
}

// add queues an event. One that is like the last is not queued again.
func (i *Instance) add(wd int32, mask, cookie uint32, name string) {
	if n := len(i.events); n > 0 {
		if l := i.events[n-1]; l.Mask == mask && l.Wd == wd && l.Name == name && cookie == 0 && mask&unix.IN_IGNORED == 0 {
			return
		}
		if n >= QueueMax || i.m.events >= eventsMax {
			if i.events[n-1].Mask == unix.IN_Q_OVERFLOW {
				return
			}
			wd, mask, cookie, name = -1, unix.IN_Q_OVERFLOW, 0, ""
		}
	}
	i.events = append(i.events, &state.InotifyEventT{Wd: wd, Mask: mask, Cookie: cookie, Name: name})
	i.m.events++
	i.m.v.Waits.Wake(wait.ID(i.Id), wait.In|wait.RdNrm)
}

// header is how long struct inotify_event is without the name, which is padded to a multiple of it.
const header = 16

// length is how long an event is as it is read.
func length(e *state.InotifyEventT) int {
	if e.Name == "" {
		return header
	}
	return header + (len(e.Name)+1+header-1)/header*header
}

// fileOps is an open instance.
type fileOps struct{ vfs.FileBase }

// Read implements vfs.FileOps: as many events as fit.
func (fileOps) Read(_ *vfs.Context, f *vfs.File, io *usermem.IO, _ int64) (int, unix.Errno) {
	i := Of(f)
	if len(i.events) == 0 {
		return 0, unix.EAGAIN
	}
	done := 0
	for len(i.events) > 0 {
		e := i.events[0]
		n := length(e)
		if uint64(n) > io.Len() {
			break
		}
		b := make([]byte, n)
		le := binary.LittleEndian
		le.PutUint32(b[0:], uint32(e.Wd))
		le.PutUint32(b[4:], e.Mask)
		le.PutUint32(b[8:], e.Cookie)
		le.PutUint32(b[12:], uint32(n-header))
		copy(b[header:], e.Name)
		i.events = i.events[1:]
		i.m.events--
		k, errno := io.Put(b)
		if done += k; errno != 0 {
			return done, errno
		}
	}
	if len(i.events) == 0 {
		i.events = nil
	}
	if done == 0 {
		return 0, unix.EINVAL
	}
	return done, 0
}

// Ready implements vfs.FileOps.
func (fileOps) Ready(f *vfs.File, mask wait.Events) wait.Events {
	if len(Of(f).events) == 0 {
		return 0
	}
	return (wait.In | wait.RdNrm) & mask
}

// WaitID implements vfs.FileOps.
func (fileOps) WaitID(f *vfs.File) wait.ID { return wait.ID(f.Key0) }

// Ioctl implements vfs.FileOps.
func (fileOps) Ioctl(c *vfs.Context, f *vfs.File, cmd uint32, arg uint64) (int64, unix.Errno) {
	if cmd != vfs.FIONREAD {
		return 0, unix.ENOTTY
	}
	n := 0
	for _, e := range Of(f).events {
		n += length(e)
	}
	return 0, usermem.Write32(c.Mem, arg, uint32(n))
}

// Release implements vfs.FileOps.
func (fileOps) Release(_ *vfs.VFS, f *vfs.File) {
	i := Of(f)
	delete(i.m.all, i.Id)
	i.m.events -= len(i.events)
	for _, w := range i.watches {
		i.m.forget(w)
	}
	i.watches, i.events = nil, nil
}
