// Package socket is sockets of the family AF_UNIX (unix(7)): stream, datagram and
// sequenced packet. Bytes in flight are in memory objects; what is here is who is
// connected to whom, the boundaries of messages, and the descriptors and
// credentials that travel with them. There is no other family: EAFNOSUPPORT.
package socket

import (
	"golang.org/x/sys/unix"

	"starling/personality/state"
	"starling/personality/vfs"
	"starling/personality/vfs/content"
	"starling/personality/wait"
)

const (
	// bufferSize is the default of SO_SNDBUF and SO_RCVBUF in bytes, and what a
	// receive queue holds (net.core.wmem_default).
	bufferSize = 212992
	// messageOverhead is what Linux takes off SO_SNDBUF for the largest message.
	messageOverhead = 32
	// queueMax is how many datagrams of strangers wait (net.unix.max_dgram_qlen).
	queueMax = 10
	// backlogMax bounds listen(2) (net.core.somaxconn).
	backlogMax = 4096
	// RightsMax is how many descriptors travel with one message (SCM_MAX_FD).
	RightsMax = 253
	// flightMax bounds the descriptors in flight in the system: ETOOMANYREFS.
	flightMax = 16384
)

// The states of a socket.
const (
	unconnected = iota
	listening
	connected
)

// Bits of SocketT.Options.
const (
	passCred = 1 << iota
	reuseAddr
	reusePort
	keepAlive
	broadcast
	oobInline
	dontRoute
	passSec
	timestamp
	timestampNS
)

// Bits of SocketT.Shutdown.
const (
	noReceive = 1
	noSend    = 2
)

// Socket is one socket. Its two ids are drawn together: Id is for its own state,
// Id+1 for who waits for room in its queue or its backlog.
type Socket struct {
	state.SocketT
	ring    content.Ring
	queue   []record
	inode   *vfs.Inode
	file    *vfs.File
	peer    *Socket
	pending []*Socket
	parent  *Socket  // the listener while pending
	bound   vfs.Path // of a path name; D is nil otherwise
	slot    int
}

// record is a message, or a piece of a stream from one sender.
type record struct {
	length, left uint32
	pid          int32
	uid, gid     uint32
	cred         bool
	files        []*vfs.File
	from         []byte
}

func (s *Socket) waitID() wait.ID { return wait.ID(s.Id) }
func (s *Socket) roomID() wait.ID { return wait.ID(s.Id + 1) }

func (s *Socket) packets() bool { return s.Type != unix.SOCK_STREAM }

// Sockets is the module. It implements vfs.FSType and vfs.Module.
type Sockets struct {
	vfs.NodeBase
	v        *vfs.VFS
	store    content.Store
	all      []*Socket
	abstract map[string]*Socket
	mount    *vfs.Mount
	flight   int
	autobind uint32
}

// New makes the module and registers it.
func New(v *vfs.VFS, store content.Store) *Sockets {
	m := &Sockets{v: v, store: store, abstract: map[string]*Socket{}}
	v.RegisterType(m)
	v.RegisterModule(m)
	return m
}

// Name implements vfs.FSType.
func (*Sockets) Name() string { return "sockfs" }

// Mount implements vfs.FSType: it cannot be mounted.
func (*Sockets) Mount(*vfs.Context, string, string) (*vfs.Super, unix.Errno) {
	return nil, unix.EINVAL
}

// RestoreSuper implements vfs.FSType.
func (*Sockets) RestoreSuper(s *vfs.Super) unix.Errno { s.InCore = true; return 0 }

// RestoreInode implements vfs.FSType.
func (m *Sockets) RestoreInode(in *vfs.Inode) unix.Errno { in.Ops = m; return 0 }

// HiddenMount implements vfs.MountHolder.
func (m *Sockets) HiddenMount() *vfs.Mount { return m.mount }

// Of is the socket behind an open file, or nil.
func Of(f *vfs.File) *Socket {
	s, _ := f.Private.(*Socket)
	return s
}

// newSocket makes a socket without a file.
func (m *Sockets) newSocket(c *vfs.Context, typ int32) *Socket {
	s := &Socket{slot: len(m.all)}
	s.Id = m.v.NewID()
	m.v.NewID()
	s.Type, s.SendBuffer, s.ReceiveBuffer, s.PeekOffset = typ, bufferSize, bufferSize, -1
	s.OwnPid, s.OwnUid, s.OwnGid = c.PID, c.Cred.EUID, c.Cred.EGID
	s.PeerUid, s.PeerGid = ^uint32(0), ^uint32(0)
	s.ring.Init(bufferSize)
	m.all = append(m.all, s)
	return s
}

// open gives a socket its inode and file.
func (m *Sockets) open(c *vfs.Context, s *Socket, flags int) (*vfs.File, unix.Errno) {
	if m.mount == nil {
		m.mount = m.v.HiddenMount(m)
	}
	in := m.v.NewInode(m.mount.Super, unix.S_IFSOCK|0777, m)
	in.Flags |= vfs.InodeNameless
	in.Uid, in.Gid = c.Cred.FSUID, c.Cred.FSGID
	f, e := m.v.NewHiddenFile(m.mount, in, "", vfs.KindInode, 0, fileOps{m: m}, unix.O_RDWR|uint32(flags)&unix.O_NONBLOCK)
	if e != 0 {
		return nil, e
	}
	in.Private, f.Private = s, s
	s.inode, s.file, s.Inode = in, f, in.Id
	return f, 0
}

// check finds what is wrong with the arguments of socket(2).
func check(domain, typ, protocol int) unix.Errno {
	const maxType = 11 // SOCK_MAX
	switch {
	case typ&^(0xf|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC) != 0, typ&0xf >= maxType:
		return unix.EINVAL
	case domain != unix.AF_UNIX:
		return unix.EAFNOSUPPORT
	case protocol != 0 && protocol != unix.AF_UNIX:
		return unix.EPROTONOSUPPORT
	}
	switch typ & 0xf {
	case unix.SOCK_STREAM, unix.SOCK_DGRAM, unix.SOCK_SEQPACKET, unix.SOCK_RAW:
		return 0
	}
	return unix.ESOCKTNOSUPPORT
}

// kind is the type without the flags; SOCK_RAW is SOCK_DGRAM (unix_create of Linux).
func kind(typ int) int32 {
	if typ&0xf == unix.SOCK_RAW {
		return unix.SOCK_DGRAM
	}
	return int32(typ & 0xf)
}

// Create is socket(2).
func (m *Sockets) Create(c *vfs.Context, domain, typ, protocol int) (*vfs.File, unix.Errno) {
	if e := check(domain, typ, protocol); e != 0 {
		return nil, e
	}
	s := m.newSocket(c, kind(typ))
	f, e := m.open(c, s, typ)
	if e != 0 {
		m.forget(s)
	}
	return f, e
}

// Pair is socketpair(2).
func (m *Sockets) Pair(c *vfs.Context, domain, typ, protocol int) (a, b *vfs.File, e unix.Errno) {
	if a, e = m.Create(c, domain, typ, protocol); e != 0 {
		return nil, nil, e
	}
	if b, e = m.Create(c, domain, typ, protocol); e != 0 {
		m.v.Put(a)
		return nil, nil, e
	}
	join(Of(a), Of(b), c.Cred.Groups)
	return a, b, 0
}

// join connects two sockets and tells each who the other is.
func join(a, b *Socket, groups []uint32) {
	a.peer, b.peer = b, a
	a.State, b.State = connected, connected
	a.PeerPid, a.PeerUid, a.PeerGid = b.OwnPid, b.OwnUid, b.OwnGid
	b.PeerPid, b.PeerUid, b.PeerGid = a.OwnPid, a.OwnUid, a.OwnGid
	a.PeerGroups, b.PeerGroups = groups, groups
}

// forget drops a socket from the books.
func (m *Sockets) forget(s *Socket) {
	s.ring.Destroy(m.store)
	last := len(m.all) - 1
	m.all[s.slot] = m.all[last]
	m.all[s.slot].slot = s.slot
	m.all[last] = nil
	m.all = m.all[:last]
}

// Evict implements vfs.NodeOps.
func (*Sockets) Evict(*vfs.VFS, *vfs.Inode) {}

// Reopen implements vfs.NodeOps.
func (m *Sockets) Reopen(f *vfs.File) unix.Errno {
	s, ok := f.Inode.Private.(*Socket)
	if !ok {
		return unix.EINVAL
	}
	f.Private, f.Ops, s.file = s, fileOps{m: m}, f
	return 0
}

// close ends a socket: its peer learns of it, what is queued is lost.
func (m *Sockets) close(s *Socket, embryo bool) {
	unread := len(s.queue) > 0 || s.ring.Length > 0
	if p := s.peer; p != nil {
		s.peer = nil
		if s.packets() && s.Type == unix.SOCK_DGRAM {
			if p.peer == s {
				p.peer = nil
				p.State = unconnected
			}
		} else {
			p.peer = nil
			p.Shutdown |= noReceive | noSend
			if unread || embryo {
				p.Error = int32(unix.ECONNRESET)
			}
		}
		m.v.Waits.Wake(p.waitID(), wait.Any)
	}
	if s.Type == unix.SOCK_DGRAM {
		// Who has this one as its destination hears of it at its next send.
		for _, o := range m.all {
			if o.peer == s {
				o.peer, o.State = nil, unconnected
				o.Error = int32(unix.ECONNREFUSED)
				m.v.Waits.Wake(o.waitID(), wait.Any)
			}
		}
	}
	for _, p := range s.pending {
		p.parent = nil
		m.close(p, true)
	}
	s.pending = nil
	m.unbind(s)
	m.v.Waits.Wake(s.roomID(), wait.Any)
	q := s.queue
	s.queue = nil
	m.forget(s)
	for i := range q {
		m.drop(&q[i])
	}
}

// drop lets go of the descriptors of a record.
func (m *Sockets) drop(r *record) {
	for _, f := range r.files {
		m.flight--
		m.v.Put(f)
	}
	r.files = nil
}

// Listen is listen(2).
func (m *Sockets) Listen(c *vfs.Context, s *Socket, backlog int32) unix.Errno {
	switch {
	case s.Type == unix.SOCK_DGRAM:
		return unix.EOPNOTSUPP
	case len(s.Address) == 0:
		return unix.EINVAL
	case s.State == connected:
		return unix.EINVAL
	}
	s.State = listening
	s.Backlog = int32(min(uint32(backlog), backlogMax))
	s.OwnPid, s.OwnUid, s.OwnGid = c.PID, c.Cred.EUID, c.Cred.EGID
	m.v.Waits.Wake(s.roomID(), wait.Any)
	return 0
}

// Accept is accept4(2). EAGAIN: nobody is pending.
func (m *Sockets) Accept(c *vfs.Context, s *Socket, flags int) (*vfs.File, unix.Errno) {
	switch {
	case s.Type == unix.SOCK_DGRAM:
		return nil, unix.EOPNOTSUPP
	case s.State != listening:
		return nil, unix.EINVAL
	case len(s.pending) == 0:
		if s.Shutdown&noReceive != 0 {
			return nil, unix.EINVAL
		}
		deadline(c, s, s.ReceiveTimeout)
		return nil, unix.EAGAIN
	}
	n := s.pending[0]
	f, e := m.open(c, n, flags)
	if e != 0 {
		return nil, e
	}
	s.pending = s.pending[1:]
	n.parent = nil
	m.v.Waits.Wake(s.roomID(), wait.Any)
	return f, 0
}

// Shutdown is shutdown(2).
func (m *Sockets) Shutdown(s *Socket, how int) unix.Errno {
	if how < unix.SHUT_RD || how > unix.SHUT_RDWR {
		return unix.EINVAL
	}
	bits := uint32(how + 1) // SHUT_RD 0, SHUT_WR 1, SHUT_RDWR 2
	s.Shutdown |= bits
	if p := s.peer; p != nil && s.Type != unix.SOCK_DGRAM {
		if bits&noReceive != 0 {
			p.Shutdown |= noSend
		}
		if bits&noSend != 0 {
			p.Shutdown |= noReceive
		}
		m.v.Waits.Wake(p.waitID(), wait.Any)
	}
	m.v.Waits.Wake(s.waitID(), wait.Any)
	m.v.Waits.Wake(s.roomID(), wait.Any)
	return 0
}

// deadline sets when a blocked call gives up: SO_RCVTIMEO and SO_SNDTIMEO. Such a
// call is not restarted after a signal (signal(7)).
func deadline(c *vfs.Context, s *Socket, timeout int64) {
	if timeout == 0 {
		return
	}
	c.NoRestart = true
	if c.Call == nil {
		return
	}
	if !c.Again {
		c.Call.Scratch2 = c.V.Now() + timeout
	}
	c.Deadline = c.Call.Scratch2
}
