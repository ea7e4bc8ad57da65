// Package mqueue is POSIX message queues (mq_overview(7)): a file system whose regular files are
// queues. Names are the dentries of package vfs, in the one instance that there is; it can be mounted
// to be looked at. mq_open(2) and mq_unlink(2) see nothing but its root.
package mqueue

import (
	"bytes"
	"fmt"
	"math"
	"slices"

	"golang.org/x/sys/unix"

	"starling/personality/signal"
	"starling/personality/state"
	"starling/personality/usermem"
	"starling/personality/vfs"
	"starling/personality/wait"
)

// Limits that nothing raises, and what all messages may take together, which Linux leaves to its memory.
const (
	PriorityMax  = 32768 // MQ_PRIO_MAX: priorities are below
	HardMessages = 65536
	HardSize     = 16 << 20
	LeastSize    = 128
	memory       = 4 << 20
)

// The limits of /proc/sys/fs/mqueue, in the order of Type.Limits.
const (
	QueuesMax = iota
	MessagesMax
	SizeMax
	MessagesDefault
	SizeDefault
	limits
)

var defaults = [limits]uint32{QueuesMax: 256, MessagesMax: 10, SizeMax: 8192, MessagesDefault: 10, SizeDefault: 8192}

// Attributes are those of a queue that is made.
type Attributes struct{ Messages, Size int64 }

// Type is the file system. It implements vfs.FSType, vfs.Maker and vfs.Module.
type Type struct {
	vfs.NodeBase
	// Limits are those of /proc/sys/fs/mqueue.
	Limits [limits]uint32
	// Notify sends a signal to a process.
	Notify func(pid int32, i signal.Info)

	v      *vfs.VFS
	mount  *vfs.Mount
	queues map[uint64]*Queue // by inode
	bytes  uint64            // of all messages
	// asked and allowed are for the queue that mq_open(2) is making: its attributes, and RLIMIT_MSGQUEUE.
	asked   *Attributes
	allowed uint64
}

// Queue is a message queue.
type Queue struct {
	state.MQueueT
	bytes int64
}

// New makes the type and registers it.
func New(v *vfs.VFS, notify func(pid int32, i signal.Info)) *Type {
	t := &Type{v: v, Limits: defaults, Notify: notify, queues: map[uint64]*Queue{}, allowed: math.MaxUint64}
	v.RegisterType(t)
	v.RegisterModule(t)
	return t
}

// Name implements vfs.FSType.
func (t *Type) Name() string { return "mqueue" }

// Mount implements vfs.FSType.
func (t *Type) Mount(*vfs.Context, string, string) (*vfs.Super, unix.Errno) {
	return t.root().Mnt.Super, 0
}

// root is the directory of all queues.
func (t *Type) root() vfs.Path {
	if t.mount == nil {
		t.mount = t.v.HiddenMount(t)
		s := t.mount.Super
		s.Maker = t
		s.Root.Inode.Mode, s.Root.Inode.Nlink, s.Root.Inode.Ops = unix.S_IFDIR|01777, 2, t
	}
	return vfs.Path{Mnt: t.mount, D: t.mount.Root}
}

// RestoreSuper implements vfs.FSType.
func (t *Type) RestoreSuper(s *vfs.Super) unix.Errno {
	s.InCore, s.Maker = true, t
	return 0
}

// RestoreInode implements vfs.FSType.
func (t *Type) RestoreInode(in *vfs.Inode) unix.Errno {
	in.Ops = t
	return 0
}

// in is a context that sees the queues as its root.
func (t *Type) in(c *vfs.Context) *vfs.Context {
	x := *c
	x.FS = &vfs.FSContext{Root: t.root(), Cwd: t.root(), Umask: c.FS.Umask}
	return &x
}

// check refuses names that are none (lookup_one_len).
func check(name []byte) unix.Errno {
	switch {
	case len(name) == 0:
		return unix.ENOENT
	case bytes.IndexByte(name, '/') >= 0, string(name) == ".", string(name) == "..":
		return unix.EACCES
	}
	return 0
}

// OpenQueue is mq_open(2). a may be nil; limit is the caller's RLIMIT_MSGQUEUE.
func (t *Type) OpenQueue(c *vfs.Context, name []byte, flags, mode uint32, a *Attributes, limit uint64) (*vfs.File, unix.Errno) {
	if e := check(name); e != 0 {
		return nil, e
	}
	if flags&unix.O_ACCMODE == unix.O_ACCMODE {
		return nil, unix.EINVAL
	}
	t.asked, t.allowed = a, limit
	how := vfs.OpenHow{Flags: flags & (unix.O_CREAT | unix.O_EXCL | unix.O_ACCMODE | unix.O_NONBLOCK), Mode: mode & 07777}
	f, e := t.in(c).Open(unix.AT_FDCWD, name, &how)
	t.asked, t.allowed = nil, math.MaxUint64
	if e == 0 {
		const largeFile = 0x8000 // only open(2) sets it
		f.Flags &^= largeFile
	}
	return f, e
}

// UnlinkQueue is mq_unlink(2).
func (t *Type) UnlinkQueue(c *vfs.Context, name []byte) unix.Errno {
	if e := check(name); e != 0 {
		return e
	}
	return t.in(c).Unlink(unix.AT_FDCWD, name)
}

// fileSize is what stat(2) shows of a queue.
const fileSize = 80

// Make implements vfs.Maker: a queue with the attributes of the mq_open(2) that is under way, or those that are usual.
func (t *Type) Make(c *vfs.Context, s *vfs.Super, mode uint32) (*vfs.Inode, unix.Errno) {
	if mode&unix.S_IFMT != unix.S_IFREG {
		return nil, unix.EPERM
	}
	privileged := c.Capable(unix.CAP_SYS_RESOURCE)
	if len(t.queues) >= int(t.Limits[QueuesMax]) && !privileged {
		return nil, unix.ENOSPC
	}
	a := Attributes{int64(min(t.Limits[MessagesMax], t.Limits[MessagesDefault])), int64(min(t.Limits[SizeMax], t.Limits[SizeDefault]))}
	if t.asked != nil {
		a = *t.asked
	}
	most, longest := int64(t.Limits[MessagesMax]), int64(t.Limits[SizeMax])
	if privileged {
		most, longest = HardMessages, HardSize
	}
	if a.Messages <= 0 || a.Size <= 0 || a.Messages > most || a.Size > longest {
		return nil, unix.EINVAL
	}
	charged := a.cost()
	for _, q := range t.queues {
		if q.Uid == c.Cred.UID {
			charged += (&Attributes{q.MaxMessages, q.MessageSize}).cost()
		}
	}
	if charged > t.allowed {
		return nil, unix.EMFILE
	}
	in := t.v.NewInode(s, mode, t)
	in.Size = fileSize
	in.Flags |= vfs.InodeFlushed
	q := &Queue{MQueueT: state.MQueueT{Inode: in.Id, Id: t.v.NewID(), Transfer: t.v.NewID(), MaxMessages: a.Messages, MessageSize: a.Size, Uid: c.Cred.UID}}
	in.Private = q
	t.queues[in.Id] = q
	return in, 0
}

// cost is what a queue counts against RLIMIT_MSGQUEUE: its messages, and Linux's bookkeeping of them (getrlimit(2)).
func (a *Attributes) cost() uint64 {
	const header, node = 48, 48 // struct msg_msg, struct posix_msg_tree_node
	return uint64(a.Messages*a.Size + a.Messages*header + min(a.Messages, PriorityMax)*node)
}

// Evict implements vfs.NodeOps.
func (t *Type) Evict(_ *vfs.VFS, in *vfs.Inode) {
	if q := t.queues[in.Id]; q != nil {
		t.bytes -= uint64(q.bytes)
		delete(t.queues, in.Id)
	}
}

// Open implements vfs.NodeOps.
func (t *Type) Open(_ *vfs.Context, f *vfs.File) unix.Errno { return t.Reopen(f) }

// Reopen implements vfs.NodeOps.
func (t *Type) Reopen(f *vfs.File) unix.Errno {
	q, ok := f.Inode.Private.(*Queue)
	if !ok {
		return unix.EINVAL
	}
	f.Ops, f.Private = fileOps{t: t}, q
	return 0
}

// Of is the queue behind an open file, or nil.
func Of(f *vfs.File) *Queue {
	q, _ := f.Private.(*Queue)
	return q
}

// Transferring is what senders (wait.Out) and receivers (wait.In) wait for.
func (q *Queue) Transferring() wait.ID { return wait.ID(q.Transfer) }

// Full and Empty say whether a sender, or a receiver, has to wait.
func (q *Queue) Full() bool { return len(q.Messages) >= int(q.MaxMessages) }

// Empty: see Full.
func (q *Queue) Empty() bool { return len(q.Messages) == 0 }

// Send adds a message to a queue that is not full. ENOMEM when there is no memory for it.
func (t *Type) Send(c *vfs.Context, in *vfs.Inode, q *Queue, priority uint32, text []byte) unix.Errno {
	if t.bytes+uint64(len(text)) > memory {
		return unix.ENOMEM
	}
	first := q.Empty() && t.v.Waits.Count(q.Transferring(), wait.In) == 0
	i, _ := slices.BinarySearchFunc(q.Messages, priority, func(m *state.MQueueMessageT, p uint32) int {
		if m.Priority >= p {
			return -1
		}
		return 1
	})
	q.Messages = slices.Insert(q.Messages, i, &state.MQueueMessageT{Priority: priority, Text: text})
	q.bytes += int64(len(text))
	t.bytes += uint64(len(text))
	t.changed(in, q, wait.In)
	if first {
		t.notify(c, q)
	}
	return 0
}

// Receive takes the oldest message of the highest priority out of a queue that is not empty.
func (t *Type) Receive(in *vfs.Inode, q *Queue) *state.MQueueMessageT {
	m := q.Messages[0]
	q.Messages = slices.Delete(q.Messages, 0, 1)
	q.bytes -= int64(len(m.Text))
	t.bytes -= uint64(len(m.Text))
	t.changed(in, q, wait.Out)
	return m
}

func (t *Type) changed(in *vfs.Inode, q *Queue, ev wait.Events) {
	now := t.v.WallNow()
	in.Atime, in.Mtime, in.Ctime = now, now, now
	t.v.Waits.Wake(q.Transferring(), ev)
	t.v.Waits.Wake(wait.ID(q.Id), ev)
}

// siMessage is SI_MESGQ.
const siMessage = -3

// notify tells the process that asked to be told of the first message; it is told once.
func (t *Type) notify(c *vfs.Context, q *Queue) {
	pid := q.Notified
	if pid == 0 {
		return
	}
	q.Notified, q.NotifiedFiles = 0, 0
	if q.MQueueT.Notify == sigevSignal && q.Signal != 0 {
		i := signal.Info{Signo: q.Signal, Code: siMessage}
		i.SetSender(c.PID, c.Cred.UID)
		i.SetValue(q.Value)
		t.Notify(pid, i)
	}
}

// SIGEV_SIGNAL.
const sigevSignal = 0

// Register is mq_notify(2): how is SIGEV_SIGNAL or SIGEV_NONE. EBUSY when somebody has registered.
func (q *Queue) Register(c *vfs.Context, how, signo int32, value uint64) unix.Errno {
	if q.Notified != 0 {
		return unix.EBUSY
	}
	q.Notified, q.NotifiedFiles = c.PID, c.Files.ID
	q.MQueueT.Notify, q.Signal, q.Value = how, signo, value
	return 0
}

// Unregister takes back what the caller has registered.
func (q *Queue) Unregister(c *vfs.Context) {
	if q.Notified == c.PID {
		q.Notified, q.NotifiedFiles = 0, 0
	}
}

// fileOps is an open queue.
type fileOps struct {
	vfs.FileBase
	t *Type
}

// Read implements vfs.FileOps: a line about the queue (mq_overview(7)).
func (o fileOps) Read(_ *vfs.Context, f *vfs.File, io *usermem.IO, off int64) (int, unix.Errno) {
	q := Of(f)
	how, signo := int32(0), int32(0)
	if q.Notified != 0 {
		how, signo = q.MQueueT.Notify, q.Signal
	}
	if how != sigevSignal {
		signo = 0
	}
	line := fmt.Appendf(nil, "QSIZE:%-10d NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n", q.bytes, how, signo, q.Notified)
	if off >= int64(len(line)) {
		return 0, 0
	}
	return io.Put(line[off:])
}

// Seek implements vfs.FileOps.
func (o fileOps) Seek(_ *vfs.Context, f *vfs.File, off int64, whence int) (int64, unix.Errno) {
	return vfs.SeekTo(f, off, whence, f.Inode.Size)
}

// Ready implements vfs.FileOps.
func (o fileOps) Ready(f *vfs.File, mask wait.Events) wait.Events {
	q, ev := Of(f), wait.Events(0)
	if !q.Empty() {
		ev |= wait.In | wait.RdNrm
	}
	if !q.Full() {
		ev |= wait.Out | wait.WrNrm
	}
	return ev & mask
}

// WaitID implements vfs.FileOps.
func (o fileOps) WaitID(f *vfs.File) wait.ID { return wait.ID(Of(f).Id) }

// Flushed implements vfs.Flusher: a process that closes the queue is told nothing any more.
func (o fileOps) Flushed(f *vfs.File, table uint64) {
	if q := Of(f); q.Notified != 0 && q.NotifiedFiles == table {
		q.Notified, q.NotifiedFiles = 0, 0
	}
}
