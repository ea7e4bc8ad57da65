package mqueue

import (
	"golang.org/x/sys/unix"

	"starling/personality/state"
	"starling/personality/vfs"
)

// Export implements vfs.Module.
func (t *Type) Export(s *state.VFST) {
	for _, q := range t.queues {
		s.Mqueues = append(s.Mqueues, &q.MQueueT)
	}
	vfs.SortByID(s.Mqueues, func(q *state.MQueueT) uint64 { return q.Inode })
	if t.Limits != defaults {
		s.MqueueLimits = t.Limits[:]
	}
}

// Import implements vfs.Module.
func (t *Type) Import(s *state.VFST, r *vfs.Restorer) unix.Errno {
	t.mount = r.HiddenMountOf(t.Name())
	copy(t.Limits[:], s.MqueueLimits)
	for _, x := range s.Mqueues {
		in := r.Inode(x.Inode)
		if in == nil || in.Ops != vfs.NodeOps(t) {
			return unix.EINVAL
		}
		q := &Queue{MQueueT: *x}
		for _, m := range x.Messages {
			q.bytes += int64(len(m.Text))
		}
		t.bytes += uint64(q.bytes)
		in.Private, t.queues[in.Id] = q, q
	}
	return 0
}

// Relink implements vfs.Module.
func (*Type) Relink(*vfs.Restorer) unix.Errno { return 0 }

// HiddenMount implements vfs.MountHolder.
func (t *Type) HiddenMount() *vfs.Mount { return t.mount }
