package socket

import (
	"bytes"

	"golang.org/x/sys/unix"

	"starling/personality/usermem"
	"starling/personality/vfs"
	"starling/personality/wait"
)

// Message is what goes with the bytes of sendmsg(2) and recvmsg(2).
type Message struct {
	Flags int
	// To is the destination of a datagram; From the sender of what is received, as
	// struct sockaddr holds it after the family.
	To   []byte
	From []byte
	// Packet: a whole message was received, which has a Size.
	Packet bool
	// Files travel; the references go with them.
	Files []*vfs.File
	// Cred: PID, UID and GID were given or are to be shown.
	Cred     bool
	PID      int32
	UID, GID uint32
	// Out has the flags of the received message: MSG_TRUNC.
	Out int
	// Size is the full length of a received message.
	Size int
}

// Send is sendmsg(2). On success the references of msg.Files belong to the queue, in
// every other case to the caller. A stream may take less than everything: EAGAIN with
// a count.
func (m *Sockets) Send(c *vfs.Context, s *Socket, io *usermem.IO, msg *Message) (int, unix.Errno) {
	if msg.Flags&unix.MSG_OOB != 0 {
		return 0, unix.EOPNOTSUPP
	}
	if s.Error != 0 {
		e := unix.Errno(s.Error)
		s.Error = 0
		return 0, e
	}
	if s.packets() {
		return m.sendPacket(c, s, io, msg)
	}
	switch {
	case len(msg.To) > 0 && s.State == connected:
		return 0, unix.EISCONN
	case len(msg.To) > 0:
		return 0, unix.EOPNOTSUPP
	case s.State != connected:
		return 0, unix.ENOTCONN
	}
	p := s.peer
	if s.Shutdown&noSend != 0 || p == nil || p.Shutdown&noReceive != 0 {
		if msg.Flags&unix.MSG_NOSIGNAL == 0 {
			c.Raise = unix.SIGPIPE
		}
		return 0, unix.EPIPE
	}
	want := io.Len()
	if want == 0 {
		return 0, 0
	}
	k := min(want, p.ring.Free())
	if k == 0 {
		deadline(c, s, s.SendTimeout)
		return 0, unix.EAGAIN
	}
	n, e := p.ring.Write(m.store, io, k)
	if n > 0 {
		m.append(p, m.recordOf(c, s, msg, uint32(n)))
		msg.Files = nil
	}
	if e == 0 && uint64(n) < want {
		deadline(c, s, s.SendTimeout)
		e = unix.EAGAIN
	}
	return n, e
}

// recordOf describes n bytes that s sends.
func (m *Sockets) recordOf(c *vfs.Context, s *Socket, msg *Message, n uint32) record {
	r := record{length: n, left: n, pid: c.PID, uid: c.Cred.UID, gid: c.Cred.GID, cred: true, files: msg.Files}
	if msg.Cred {
		r.pid, r.uid, r.gid = msg.PID, msg.UID, msg.GID
	}
	m.flight += len(r.files)
	if len(s.Address) > 0 {
		r.from = s.Address
	}
	return r
}

// append queues a record; pieces of a stream from one sender become one.
func (m *Sockets) append(p *Socket, r record) {
	if k := len(p.queue) - 1; k >= 0 && !p.packets() {
		if o := &p.queue[k]; len(o.files) == 0 && len(r.files) == 0 && o.pid == r.pid && o.uid == r.uid && o.gid == r.gid && bytes.Equal(o.from, r.from) {
			o.length += r.length
			o.left += r.left
			m.v.Waits.Wake(p.waitID(), wait.In|wait.RdNrm)
			return
		}
	}
	p.queue = append(p.queue, r)
	m.v.Waits.Wake(p.waitID(), wait.In|wait.RdNrm)
}

// sendPacket sends one datagram or sequenced packet, whole or not at all.
func (m *Sockets) sendPacket(c *vfs.Context, s *Socket, io *usermem.IO, msg *Message) (int, unix.Errno) {
	p := s.peer
	if s.Type == unix.SOCK_SEQPACKET {
		if s.State != connected {
			return 0, unix.ENOTCONN
		}
		if p == nil {
			return 0, unix.EPIPE
		}
	} else if len(msg.To) > 0 {
		o, e := m.find(c, msg.To)
		if e != 0 {
			return 0, e
		}
		if e := maySend(s, o); e != 0 {
			return 0, e
		}
		p = o
	}
	if p == nil {
		return 0, unix.ENOTCONN
	}
	if s.Shutdown&noSend != 0 || p.Shutdown&noReceive != 0 {
		return 0, unix.EPIPE
	}
	want := io.Len()
	if want > uint64(s.SendBuffer)-messageOverhead || want > bufferSize-messageOverhead {
		return 0, unix.EMSGSIZE
	}
	if p.ring.Free() < want || p.peer != s && p != s && len(p.queue) > queueMax || len(p.queue) >= backlogMax {
		c.WaitOn = p.roomID()
		deadline(c, s, s.SendTimeout)
		return 0, unix.EAGAIN
	}
	if s.Options&passCred != 0 && len(s.Address) == 0 {
		if e := m.bindAuto(s); e != 0 {
			return 0, e
		}
	}
	before := p.ring
	n, e := p.ring.Write(m.store, io, want)
	if e != 0 {
		// Nothing of a packet that faults is sent.
		p.ring.Head, p.ring.Length = before.Head, before.Length
		return 0, e
	}
	m.append(p, m.recordOf(c, s, msg, uint32(n)))
	msg.Files = nil
	return n, 0
}

// Receive is recvmsg(2). The references of msg.Files go to the caller. io may be empty.
func (m *Sockets) Receive(c *vfs.Context, s *Socket, io *usermem.IO, msg *Message) (int, unix.Errno) {
	if msg.Flags&unix.MSG_OOB != 0 {
		return 0, unix.EINVAL
	}
	if s.packets() {
		return m.receivePacket(c, s, io, msg)
	}
	if s.State != connected {
		return 0, unix.EINVAL
	}
	peek := msg.Flags&unix.MSG_PEEK != 0
	want := io.Len()
	done, skip, i := 0, uint64(0), 0
	if peek && s.PeekOffset > 0 {
		skip = uint64(s.PeekOffset)
		for left := skip; i < len(s.queue) && left >= uint64(s.queue[i].left); i++ {
			left -= uint64(s.queue[i].left)
		}
	}
	at := uint64(0) // bytes of records before i
	for j := range i {
		at += uint64(s.queue[j].left)
	}
	var fault unix.Errno
	for want > 0 && i < len(s.queue) {
		r := &s.queue[i]
		if done > 0 && s.Options&passCred != 0 && (r.pid != msg.PID || r.uid != msg.UID || r.gid != msg.GID) {
			break
		}
		msg.Cred, msg.PID, msg.UID, msg.GID = r.cred, r.pid, r.uid, r.gid
		if done == 0 {
			msg.From = r.from
		}
		k := min(want, at+uint64(r.left)-skip)
		var n int
		var e unix.Errno
		if msg.Flags&unix.MSG_TRUNC != 0 {
			n = int(k)
		} else {
			n, e = s.ring.Peek(m.store, io, skip, k)
		}
		done += n
		want -= uint64(n)
		hadFiles := len(r.files) > 0
		if n > 0 && hadFiles {
			m.deliver(r, msg, peek)
		}
		if !peek {
			s.ring.Drop(uint64(n))
			r.left -= uint32(n)
			if r.left == 0 {
				s.queue[i] = record{}
				s.queue = s.queue[1:]
			}
		} else {
			skip += uint64(n)
			at += uint64(r.left)
			i++
		}
		if e != 0 {
			fault = e
			break
		}
		if hadFiles {
			break
		}
	}
	if done > 0 {
		if peek {
			if s.PeekOffset >= 0 {
				s.PeekOffset += int32(done)
			}
		} else {
			if s.PeekOffset > 0 {
				s.PeekOffset = max(0, s.PeekOffset-int32(done))
			}
			m.room(s)
		}
		if msg.Flags&unix.MSG_WAITALL != 0 && want > 0 && !peek && len(msg.Files) == 0 && fault == 0 &&
			s.Shutdown&noReceive == 0 && len(s.queue) == 0 {
			deadline(c, s, s.ReceiveTimeout)
			return done, unix.EAGAIN
		}
		return done, 0
	}
	switch {
	case fault != 0:
		return 0, fault
	case want == 0:
		return 0, 0
	case s.Error != 0:
		e := unix.Errno(s.Error)
		s.Error = 0
		return 0, e
	case s.Shutdown&noReceive != 0:
		return 0, 0
	}
	deadline(c, s, s.ReceiveTimeout)
	return 0, unix.EAGAIN
}

// deliver hands over the descriptors of a record, or copies of them for a peek.
func (m *Sockets) deliver(r *record, msg *Message, peek bool) {
	if peek {
		for _, f := range r.files {
			msg.Files = append(msg.Files, f.Get())
		}
		return
	}
	msg.Files = append(msg.Files, r.files...)
	m.flight -= len(r.files)
	r.files = nil
}

// receivePacket takes one message; what does not fit is lost.
func (m *Sockets) receivePacket(c *vfs.Context, s *Socket, io *usermem.IO, msg *Message) (int, unix.Errno) {
	if s.Type == unix.SOCK_SEQPACKET && s.State != connected {
		return 0, unix.ENOTCONN
	}
	if len(s.queue) == 0 {
		switch {
		case s.Error != 0:
			e := unix.Errno(s.Error)
			s.Error = 0
			return 0, e
		case s.Shutdown&noReceive != 0:
			return 0, 0
		}
		deadline(c, s, s.ReceiveTimeout)
		return 0, unix.EAGAIN
	}
	r := &s.queue[0]
	peek := msg.Flags&unix.MSG_PEEK != 0
	k := min(io.Len(), uint64(r.length))
	n, e := s.ring.Peek(m.store, io, 0, k)
	if e != 0 {
		return 0, e
	}
	msg.Cred, msg.PID, msg.UID, msg.GID = r.cred, r.pid, r.uid, r.gid
	msg.From, msg.Packet, msg.Size = r.from, true, int(r.length)
	if uint64(n) < uint64(r.length) {
		msg.Out |= unix.MSG_TRUNC
	}
	m.deliver(r, msg, peek)
	if !peek {
		s.ring.Drop(uint64(r.length))
		s.queue[0] = record{}
		s.queue = s.queue[1:]
		m.room(s)
	}
	return n, 0
}

// room tells the senders that there is room again.
func (m *Sockets) room(s *Socket) {
	if len(s.queue) == 0 {
		s.queue = nil
	}
	if p := s.peer; p != nil && s.ring.Length*4 <= s.ring.Capacity {
		m.v.Waits.Wake(p.waitID(), wait.Out|wait.WrNrm)
	}
	if s.packets() {
		m.v.Waits.Wake(s.roomID(), wait.Any)
	}
}

// fileOps is an open socket.
type fileOps struct {
	vfs.FileBase
	m *Sockets
}

// Read implements vfs.FileOps: recv(2) without flags.
func (o fileOps) Read(c *vfs.Context, f *vfs.File, io *usermem.IO, _ int64) (int, unix.Errno) {
	var msg Message
	s := f.Private.(*Socket)
	n, e := o.m.Receive(c, s, io, &msg)
	for _, f := range msg.Files {
		o.m.v.Put(f)
	}
	return n, e
}

// Write implements vfs.FileOps: send(2) without flags.
func (o fileOps) Write(c *vfs.Context, f *vfs.File, io *usermem.IO, _ int64) (int, unix.Errno) {
	var msg Message
	return o.m.Send(c, f.Private.(*Socket), io, &msg)
}

// Ready implements vfs.FileOps (unix_poll of Linux).
func (fileOps) Ready(f *vfs.File, mask wait.Events) wait.Events {
	s := f.Private.(*Socket)
	var ev wait.Events
	if s.Error != 0 {
		ev |= wait.Err
	}
	if s.Shutdown == noReceive|noSend {
		ev |= wait.Hup
	}
	if s.Shutdown&noReceive != 0 {
		ev |= wait.RdHup | wait.In | wait.RdNrm
	}
	if len(s.queue) > 0 || len(s.pending) > 0 {
		ev |= wait.In | wait.RdNrm
	}
	if s.Type != unix.SOCK_DGRAM && s.State == unconnected {
		ev |= wait.Hup
	}
	if s.State != listening && s.writable() {
		ev |= wait.Out | wait.WrNrm | wait.WrBnd
	}
	return ev & mask
}

// writable is unix_writable: at most a quarter of the buffer is used.
func (s *Socket) writable() bool {
	p := s.peer
	if p == nil {
		return true
	}
	if s.Type == unix.SOCK_DGRAM && p.peer != s && len(p.queue) > queueMax {
		return false
	}
	return p.ring.Length*4 <= p.ring.Capacity
}

// WaitID implements vfs.FileOps.
func (fileOps) WaitID(f *vfs.File) wait.ID { return f.Private.(*Socket).waitID() }

// Ioctl implements vfs.FileOps.
func (fileOps) Ioctl(c *vfs.Context, f *vfs.File, cmd uint32, arg uint64) (int64, unix.Errno) {
	s := f.Private.(*Socket)
	switch cmd {
	case unix.SIOCINQ:
		if s.State == listening {
			return 0, unix.EINVAL
		}
		n := uint32(s.ring.Length)
		if s.packets() {
			n = 0
			if len(s.queue) > 0 {
				n = s.queue[0].length
			}
		}
		return 0, usermem.Write32(c.Mem, arg, n)
	case unix.SIOCOUTQ:
		n := uint32(0)
		if s.peer != nil {
			n = uint32(s.peer.ring.Length)
		}
		return 0, usermem.Write32(c.Mem, arg, n)
	}
	return 0, device(c, cmd, arg)
}

// Release implements vfs.FileOps.
func (o fileOps) Release(_ *vfs.VFS, f *vfs.File) {
	s := f.Private.(*Socket)
	s.file = nil
	o.m.close(s, false)
	if o.m.flight > 0 {
		o.m.collect()
	}
}
