// Package epoll is epoll(7). An instance listens at every file it watches; a file
// that changes puts its item on the ready list, and epoll_wait asks the files on the list
// what is really there.
package epoll

import (
	"slices"

	"golang.org/x/sys/unix"

	"starling/personality/state"
	"starling/personality/vfs"
	"starling/personality/wait"
)

const (
	// Edge is EPOLLET, OneShot EPOLLONESHOT, Exclusive EPOLLEXCLUSIVE.
	Edge      = 1 << 31
	OneShot   = 1 << 30
	Wakeup    = 1 << 29
	Exclusive = 1 << 28

	private = Edge | OneShot | Wakeup | Exclusive

	// MaxDepth is how many instances can be nested (EP_MAX_NESTS).
	MaxDepth = 4
	// MaxItems bounds the watches of one instance.
	MaxItems = 1 << 20
)

type key struct {
	fd int32
	f  *vfs.File
}

// item is one watched descriptor. It is the wait.Listener and the vfs.Watcher.
type item struct {
	state.EpollItemT
	e     *Epoll
	f     *vfs.File
	id    wait.ID // where it listens
	ready bool
}

// Epoll is one instance.
type Epoll struct {
	state.EpollT
	m     *Epolls
	file  *vfs.File
	items map[key]*item
	ready []*item
}

// Epolls is the module. It implements vfs.Module and vfs.Kind.
type Epolls struct {
	v   *vfs.VFS
	all map[uint64]*Epoll
}

// New makes the module and registers it.
func New(v *vfs.VFS) *Epolls {
	m := &Epolls{v: v, all: map[uint64]*Epoll{}}
	v.RegisterModule(m)
	v.RegisterKind(vfs.KindEpoll, m)
	return m
}

// Create is epoll_create1(2).
func (m *Epolls) Create() (*vfs.File, unix.Errno) {
	e := &Epoll{EpollT: state.EpollT{Id: m.v.NewID()}, m: m, items: map[key]*item{}}
	f, errno := m.v.NewAnonFile("anon_inode:[eventpoll]", vfs.KindEpoll, e.Id, epollOps{m: m}, unix.O_RDWR)
	if errno != 0 {
		return nil, errno
	}
	f.Private, e.file = e, f
	m.all[e.Id] = e
	return f, 0
}

// Of is the instance behind an open file, or nil.
func Of(f *vfs.File) *Epoll {
	e, _ := f.Private.(*Epoll)
	return e
}

// WaitID is what epoll_wait waits for.
func (e *Epoll) WaitID() wait.ID { return wait.ID(e.Id) }

// Changed implements wait.Listener.
func (it *item) Changed(_ wait.ID, ev wait.Events) {
	if it.Disabled || wait.Events(it.Events)&ev == 0 && ev != wait.Any {
		return
	}
	it.e.queue(it)
}

// queue puts an item on the ready list and wakes who waits.
func (e *Epoll) queue(it *item) {
	if !it.ready {
		it.ready = true
		e.ready = append(e.ready, it)
	}
	e.m.v.Waits.Wake(e.WaitID(), wait.In|wait.RdNrm)
}

// FileClosed implements vfs.Watcher.
func (it *item) FileClosed(_ *vfs.VFS, _ *vfs.File) { it.e.drop(it) }

// drop forgets an item whose file already does.
func (e *Epoll) drop(it *item) {
	e.m.v.Waits.Unlisten(it.id, it, 0)
	delete(e.items, key{it.Fd, it.f})
	if it.ready {
		it.ready = false
		e.ready = slices.DeleteFunc(e.ready, func(x *item) bool { return x == it })
	}
}

// Add is EPOLL_CTL_ADD.
func (e *Epoll) Add(fd int32, f *vfs.File, events uint32, data uint64) unix.Errno {
	if f == e.file {
		return unix.EINVAL
	}
	id := f.WaitID()
	if id == 0 {
		return unix.EPERM
	}
	nested := Of(f)
	if events&Exclusive != 0 {
		const allowed = uint32(wait.In | wait.Out | wait.Err | wait.Hup | Wakeup | Edge | Exclusive)
		if events&^allowed != 0 || nested != nil {
			return unix.EINVAL
		}
	}
	if nested != nil && (nested.reaches(e, 0) || nested.depth()+e.height() > MaxDepth) {
		return unix.ELOOP
	}
	k := key{fd, f}
	if e.items[k] != nil {
		return unix.EEXIST
	}
	if !e.m.v.RoomFor(0) {
		return unix.ENOMEM
	}
	if len(e.items) >= MaxItems {
		return unix.ENOSPC
	}
	it := &item{e: e, f: f, id: id}
	e.NextOrder++
	it.Fd, it.File, it.Order = fd, f.Id, e.NextOrder
	e.items[k] = it
	f.Watch(it)
	e.m.v.Waits.Listen(id, it, 0)
	e.set(it, events, data)
	return 0
}

func (e *Epoll) set(it *item, events uint32, data uint64) {
	it.EpollItemT.Events = events | uint32(wait.Err|wait.Hup)
	it.Data, it.Disabled = data, false
	if it.f.Ready(it.mask()) != 0 {
		e.queue(it)
	}
}

func (it *item) mask() wait.Events { return wait.Events(it.EpollItemT.Events &^ private) }

// Modify is EPOLL_CTL_MOD.
func (e *Epoll) Modify(fd int32, f *vfs.File, events uint32, data uint64) unix.Errno {
	it := e.items[key{fd, f}]
	switch {
	case it == nil:
		return unix.ENOENT
	case (events|it.EpollItemT.Events)&Exclusive != 0:
		return unix.EINVAL
	}
	e.set(it, events, data)
	return 0
}

// Delete is EPOLL_CTL_DEL.
func (e *Epoll) Delete(fd int32, f *vfs.File) unix.Errno {
	it := e.items[key{fd, f}]
	if it == nil {
		return unix.ENOENT
	}
	f.Unwatch(it)
	e.drop(it)
	return 0
}

// Collect calls emit for at most max ready files, in the order in which they became
// ready. emit returns false to stop before taking an event: it stays ready.
func (e *Epoll) Collect(max int, emit func(events uint32, data uint64) bool) int {
	n := 0
	// Level-triggered items go to the end again; the round ends where it began.
	round := len(e.ready)
	for round > 0 && n < max {
		round--
		it := e.ready[0]
		ev := it.f.Ready(it.mask()) & it.mask()
		if ev != 0 && !emit(uint32(ev), it.Data) {
			break
		}
		e.ready = e.ready[1:]
		it.ready = false
		if ev == 0 {
			continue
		}
		n++
		switch {
		case it.EpollItemT.Events&OneShot != 0:
			it.Disabled = true
			it.EpollItemT.Events &= private
		case it.EpollItemT.Events&Edge == 0:
			it.ready = true
			e.ready = append(e.ready, it)
		}
	}
	if len(e.ready) == 0 {
		e.ready = nil
	}
	return n
}

// reaches reports whether target can be reached from e.
func (e *Epoll) reaches(target *Epoll, depth int) bool {
	if e == target || depth > MaxDepth {
		return true
	}
	for _, it := range e.items {
		if n := Of(it.f); n != nil && n.reaches(target, depth+1) {
			return true
		}
	}
	return false
}

// depth is the longest chain of instances below e, e counted.
func (e *Epoll) depth() int {
	d := 0
	for _, it := range e.items {
		if n := Of(it.f); n != nil {
			d = max(d, n.depth())
		}
	}
	return d + 1
}

// height is the longest chain of instances that watch e, e counted.
func (e *Epoll) height() int {
	h := 0
	for _, o := range e.m.all {
		for _, it := range o.items {
			if it.f == e.file {
				h = max(h, o.height())
			}
		}
	}
	return h + 1
}

// epollOps is the instance as a file.
type epollOps struct {
	vfs.FileBase
	m *Epolls
}

// Ready implements vfs.FileOps: readable when something is really ready.
func (epollOps) Ready(f *vfs.File, mask wait.Events) wait.Events {
	for _, it := range f.Private.(*Epoll).ready {
		if it.f.Ready(it.mask())&it.mask() != 0 {
			return (wait.In | wait.RdNrm) & mask
		}
	}
	return 0
}

// WaitID implements vfs.FileOps.
func (epollOps) WaitID(f *vfs.File) wait.ID { return f.Private.(*Epoll).WaitID() }

// Release implements vfs.FileOps.
func (o epollOps) Release(_ *vfs.VFS, f *vfs.File) {
	e := f.Private.(*Epoll)
	for _, it := range e.sorted() {
		it.f.Unwatch(it)
		e.drop(it)
	}
	delete(o.m.all, e.Id)
}

// sorted is the items in the order of adding.
func (e *Epoll) sorted() []*item {
	all := make([]*item, 0, len(e.items))
	for _, it := range e.items {
		all = append(all, it)
	}
	vfs.SortByID(all, func(it *item) uint64 { return it.Order })
	return all
}

// Target is the nth file, from 0, that is watched under a descriptor's number; nil: there is none.
func (e *Epoll) Target(fd int32, n uint32) *vfs.File {
	for _, it := range e.sorted() {
		if it.Fd != fd {
			continue
		}
		if n == 0 {
			return it.f
		}
		n--
	}
	return nil
}
