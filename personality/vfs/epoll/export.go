package epoll

import (
	"golang.org/x/sys/unix"

	"starling/personality/state"
	"starling/personality/vfs"
)

// Export implements vfs.Module.
func (m *Epolls) Export(t *state.VFST) {
	for _, e := range m.all {
		s := e.EpollT
		s.File, s.Items = e.file.Id, nil
		place := map[*item]uint64{}
		for i, it := range e.ready {
			place[it] = uint64(i) + 1
		}
		for _, it := range e.sorted() {
			x := it.EpollItemT
			x.Ready = place[it]
			s.Items = append(s.Items, &x)
		}
		t.Epolls = append(t.Epolls, &s)
	}
	vfs.SortByID(t.Epolls, func(e *state.EpollT) uint64 { return e.Id })
}

// Import implements vfs.Module.
func (m *Epolls) Import(t *state.VFST, _ *vfs.Restorer) unix.Errno {
	for _, s := range t.Epolls {
		e := &Epoll{EpollT: *s, m: m, items: map[key]*item{}}
		m.all[e.Id] = e
	}
	return 0
}

// Reopen implements vfs.Kind.
func (m *Epolls) Reopen(f *vfs.File) unix.Errno {
	e := m.all[f.Key0]
	if e == nil {
		return unix.EINVAL
	}
	f.Private, f.Ops, e.file = e, epollOps{m: m}, f
	return 0
}

// Relink implements vfs.Module: the instances listen again.
func (m *Epolls) Relink(r *vfs.Restorer) unix.Errno {
	all := make([]*Epoll, 0, len(m.all))
	for _, e := range m.all {
		all = append(all, e)
	}
	vfs.SortByID(all, func(e *Epoll) uint64 { return e.Id })
	for _, e := range all {
		if e.file == nil {
			return unix.EINVAL
		}
		var ready []*item
		for _, s := range e.EpollT.Items {
			f := r.File(s.File)
			if f == nil {
				return unix.EINVAL
			}
			it := &item{EpollItemT: *s, e: e, f: f, id: f.WaitID()}
			it.EpollItemT.Ready = 0
			e.items[key{it.Fd, f}] = it
			f.Watch(it)
			m.v.Waits.Listen(it.id, it, 0)
			if s.Ready > 0 {
				it.ready = true
				it.EpollItemT.Ready = s.Ready
				ready = append(ready, it)
			}
		}
		vfs.SortByID(ready, func(it *item) uint64 { return it.EpollItemT.Ready })
		e.ready = ready
		e.EpollT.Items = nil
	}
	return 0
}
