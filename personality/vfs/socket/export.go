package socket

import (
	"golang.org/x/sys/unix"

	"starling/personality/state"
	"starling/personality/vfs"
)

// Paths implements vfs.PathHolder.
func (m *Sockets) Paths(hold func(vfs.Path)) {
	for _, s := range m.all {
		if s.bound.D != nil {
			hold(s.bound)
		}
	}
}

// Export implements vfs.Module.
func (m *Sockets) Export(t *state.VFST) {
	for _, s := range m.all {
		x := s.SocketT
		x.Ring, x.Records, x.Pending = s.ring.Export(), nil, nil
		x.Peer, x.Listening, x.BoundMount, x.BoundDentry = 0, 0, 0, 0
		if s.peer != nil {
			x.Peer = s.peer.Id
		}
		if s.parent != nil {
			x.Listening = s.parent.Id
		}
		for _, p := range s.pending {
			x.Pending = append(x.Pending, p.Id)
		}
		if s.bound.D != nil {
			x.BoundMount, x.BoundDentry = s.bound.Mnt.Id, s.bound.D.ID
		}
		x.Named = s.bound.D != nil || m.abstract[string(s.Address)] == s
		for i := range s.queue {
			r := &s.queue[i]
			y := &state.SocketRecordT{Length: r.length, Left: r.left, Pid: r.pid, Uid: r.uid, Gid: r.gid, HasCred: r.cred}
			if len(r.from) > 0 {
				y.From = r.from
			}
			for _, f := range r.files {
				y.Files = append(y.Files, f.Id)
			}
			x.Records = append(x.Records, y)
		}
		if len(x.Address) == 0 {
			x.Address = nil
		}
		if len(x.PeerGroups) == 0 {
			x.PeerGroups = nil
		}
		t.Sockets = append(t.Sockets, &x)
	}
	vfs.SortByID(t.Sockets, func(s *state.SocketT) uint64 { return s.Id })
	t.NextAutobind = m.autobind
}

// Import implements vfs.Module.
func (m *Sockets) Import(t *state.VFST, r *vfs.Restorer) unix.Errno {
	m.mount = r.HiddenMountOf(m.Name())
	m.autobind = t.NextAutobind
	for _, x := range t.Sockets {
		s := &Socket{SocketT: *x, slot: len(m.all)}
		s.ring.Import(x.Ring)
		m.all = append(m.all, s)
		if x.Inode != 0 {
			if s.inode = r.Inode(x.Inode); s.inode == nil {
				return unix.EINVAL
			}
			s.inode.Private = s
		}
		switch {
		case x.BoundDentry != 0:
			p, ok := r.Path(x.BoundMount, x.BoundDentry)
			if !ok {
				return unix.EINVAL
			}
			p.Pin()
			s.bound = p
			p.Inode().Private = s
		case x.Named:
			m.abstract[string(s.Address)] = s
		}
	}
	return 0
}

// Relink implements vfs.Module.
func (m *Sockets) Relink(r *vfs.Restorer) unix.Errno {
	byID := make(map[uint64]*Socket, len(m.all))
	for _, s := range m.all {
		byID[s.Id] = s
	}
	for _, s := range m.all {
		x := &s.SocketT
		if x.Peer != 0 {
			if s.peer = byID[x.Peer]; s.peer == nil {
				return unix.EINVAL
			}
		}
		if x.Listening != 0 {
			if s.parent = byID[x.Listening]; s.parent == nil {
				return unix.EINVAL
			}
		}
		for _, id := range x.Pending {
			p := byID[id]
			if p == nil {
				return unix.EINVAL
			}
			s.pending = append(s.pending, p)
		}
		for _, y := range x.Records {
			q := record{length: y.Length, left: y.Left, pid: y.Pid, uid: y.Uid, gid: y.Gid, cred: y.HasCred, from: y.From}
			for _, id := range y.Files {
				f := r.File(id)
				if f == nil {
					return unix.EINVAL
				}
				q.files = append(q.files, f.Get())
				m.flight++
			}
			s.queue = append(s.queue, q)
		}
		x.Records, x.Pending, x.Ring = nil, nil, nil
	}
	return 0
}
