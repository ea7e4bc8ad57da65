package sysv

import (
	"slices"

	"golang.org/x/sys/unix"

	"starling/personality/state"
	"starling/personality/vfs"
	"starling/personality/vfs/tmpfs"
	"starling/personality/wait"
)

// System is all of System V IPC. It implements vfs.Module.
type System struct {
	Segments Table[*Segment]
	Sets     Table[*Set]
	Queues   Table[*Queue]
	// Actor is the process on whose behalf regions come and go now.
	Actor func() int32

	v          *vfs.VFS
	files      *tmpfs.Type
	pages      uint64 // of all segments
	semaphores int    // of all sets
	bytes      uint64 // of all messages
	messages   int
	undos      map[uint64]*undoList
	requests   map[wait.Thread][]byte
}

// New makes the module and registers it.
func New(v *vfs.VFS, files *tmpfs.Type, actor func() int32) *System {
	s := &System{v: v, files: files, Actor: actor, undos: map[uint64]*undoList{}, requests: map[wait.Thread][]byte{}}
	s.Segments.limit, s.Sets.limit, s.Queues.limit = SegmentsMax, SetsMax, QueuesMax
	v.RegisterModule(s)
	v.RegisterKind(vfs.KindSegment, segmentKind{s})
	return s
}

// now is the time as objects keep it.
func (s *System) now() int64 { return s.v.WallNow() / 1e9 }

// Keep keeps what a blocked call has read of its program, until Kept takes it or the thread makes
// another such call or ends.
func (s *System) Keep(t wait.Thread, data []byte) { s.requests[t] = data }

// Kept takes it back.
func (s *System) Kept(t wait.Thread) []byte {
	data := s.requests[t]
	delete(s.requests, t)
	return data
}

// Export implements vfs.Module.
func (s *System) Export(t *state.VFST) {
	x := &state.SystemVT{SegmentNumbers: s.Segments.exportNumbers(), SetNumbers: s.Sets.exportNumbers(), QueueNumbers: s.Queues.exportNumbers()}
	s.Segments.Each(func(g *Segment) {
		c := g.SharedSegmentT
		c.File = g.file.Id
		x.Segments = append(x.Segments, &c)
	})
	s.Sets.Each(func(a *Set) { x.Sets = append(x.Sets, &a.SemaphoreSetT) })
	s.Queues.Each(func(q *Queue) { x.Queues = append(x.Queues, &q.MessageQueueT) })
	for id, u := range s.undos {
		x.UndoLists = append(x.UndoLists, &state.UndoListT{Id: id, Undos: u.export()})
	}
	for th, data := range s.requests {
		x.Requests = append(x.Requests, &state.IPCRequestT{Thread: uint32(th), Data: data})
	}
	vfs.SortByID(x.UndoLists, func(u *state.UndoListT) uint64 { return u.Id })
	vfs.SortByID(x.Requests, func(r *state.IPCRequestT) uint64 { return uint64(r.Thread) })
	if x.SegmentNumbers != nil || x.SetNumbers != nil || x.QueueNumbers != nil || x.UndoLists != nil || x.Requests != nil {
		t.SystemV = x
	}
}

// Import implements vfs.Module.
func (s *System) Import(t *state.VFST, _ *vfs.Restorer) unix.Errno {
	x := t.SystemV
	if x == nil {
		return 0
	}
	segments, sets, queues := make([]*Segment, len(x.Segments)), make([]*Set, len(x.Sets)), make([]*Queue, len(x.Queues))
	for i, g := range x.Segments {
		segments[i] = &Segment{SharedSegmentT: *g, s: s}
		s.pages += segments[i].pages()
	}
	for i, a := range x.Sets {
		sets[i] = &Set{*a}
		s.semaphores += len(a.Semaphores)
	}
	for i, q := range x.Queues {
		queues[i] = &Queue{MessageQueueT: *q}
		s.messages += len(q.Messages)
		for _, m := range q.Messages {
			queues[i].bytes += uint64(len(m.Text))
		}
		s.bytes += queues[i].bytes
	}
	for _, e := range []unix.Errno{s.Segments.restore(x.SegmentNumbers, segments), s.Sets.restore(x.SetNumbers, sets), s.Queues.restore(x.QueueNumbers, queues)} {
		if e != 0 {
			return e
		}
	}
	for _, u := range x.UndoLists {
		s.undos[u.Id] = importUndo(u)
	}
	for _, r := range x.Requests {
		s.requests[wait.Thread(r.Thread)] = r.Data
	}
	return 0
}

// Relink implements vfs.Module: the files of the segments.
func (s *System) Relink(r *vfs.Restorer) unix.Errno {
	bad := false
	s.Segments.Each(func(g *Segment) {
		if f := r.File(g.File); f != nil {
			g.file = f.Get()
		} else {
			bad = true
		}
	})
	if bad {
		return unix.EINVAL
	}
	return 0
}

// remove takes one element out of a list, in order.
func remove[T any](list []T, i int) []T { return slices.Delete(list, i, i+1) }
