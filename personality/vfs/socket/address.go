package socket

import (
	"bytes"

	"golang.org/x/sys/unix"

	"starling/personality/vfs"
	"starling/personality/wait"
)

// An address is what sun_path of struct sockaddr_un holds: a path with its NUL, or a
// NUL and an abstract name, or nothing (unix(7)).

const (
	familySize = 2
	pathSize   = 108
)

// ParseAddress takes a struct sockaddr apart. Unspec is AF_UNSPEC.
func ParseAddress(b []byte) (name []byte, unspec bool, e unix.Errno) {
	if len(b) < familySize {
		return nil, false, unix.EINVAL
	}
	switch uint16(b[0]) | uint16(b[1])<<8 {
	case unix.AF_UNIX:
	case unix.AF_UNSPEC:
		return nil, true, 0
	default:
		return nil, false, unix.EINVAL
	}
	name = b[familySize:]
	if len(name) > pathSize {
		return nil, false, unix.EINVAL
	}
	if len(name) > 0 && name[0] != 0 {
		if i := bytes.IndexByte(name, 0); i >= 0 {
			name = name[:i]
		}
		name = append(bytes.Clone(name), 0)
	}
	return name, false, 0
}

// FormatAddress is the struct sockaddr of an address.
func FormatAddress(name []byte) []byte {
	return append([]byte{unix.AF_UNIX, 0}, name...)
}

func isPath(name []byte) bool { return len(name) > 0 && name[0] != 0 }

// Bind is bind(2).
func (m *Sockets) Bind(c *vfs.Context, s *Socket, name []byte) unix.Errno {
	if len(s.Address) > 0 {
		if len(name) == 0 {
			return 0
		}
		return unix.EINVAL
	}
	if len(name) == 0 {
		return m.bindAuto(s)
	}
	if !isPath(name) {
		if m.abstract[string(name)] != nil {
			return unix.EADDRINUSE
		}
		s.Address = bytes.Clone(name)
		m.abstract[string(name)] = s
		return 0
	}
	p, e := c.Mknod(unix.AT_FDCWD, name[:len(name)-1], unix.S_IFSOCK|0777, 0)
	if e == unix.EEXIST {
		return unix.EADDRINUSE
	}
	if e != 0 {
		return e
	}
	p.Pin()
	s.Address, s.bound = bytes.Clone(name), p
	p.Inode().Private = s
	return 0
}

// bindAuto gives a socket an abstract name of five hexadecimal digits.
func (m *Sockets) bindAuto(s *Socket) unix.Errno {
	const digits = "0123456789abcdef"
	for range 1 << 20 {
		name := make([]byte, 6)
		for i, n := 5, m.autobind; i > 0; i, n = i-1, n>>4 {
			name[i] = digits[n&15]
		}
		m.autobind = (m.autobind + 1) % (1 << 20)
		if m.abstract[string(name)] == nil {
			s.Address = name
			m.abstract[string(name)] = s
			return 0
		}
	}
	return unix.ENOSPC
}

func (m *Sockets) unbind(s *Socket) {
	if s.bound.D != nil {
		if s.bound.Inode().Private == s {
			s.bound.Inode().Private = nil
		}
		m.v.Unpin(s.bound)
		s.bound = vfs.Path{}
	} else if len(s.Address) > 0 && m.abstract[string(s.Address)] == s {
		delete(m.abstract, string(s.Address))
	}
}

// find looks up the socket behind an address.
func (m *Sockets) find(c *vfs.Context, name []byte) (*Socket, unix.Errno) {
	if len(name) == 0 {
		return nil, unix.EINVAL
	}
	if !isPath(name) {
		if s := m.abstract[string(name)]; s != nil {
			return s, 0
		}
		return nil, unix.ECONNREFUSED
	}
	p, e := c.Lookup(unix.AT_FDCWD, name[:len(name)-1], vfs.Follow)
	if e != 0 {
		return nil, e
	}
	if e := c.Access(p, vfs.MayWrite); e != 0 {
		return nil, e
	}
	s, ok := p.Inode().Private.(*Socket)
	if !ok || p.Inode().Type() != unix.S_IFSOCK {
		return nil, unix.ECONNREFUSED
	}
	return s, 0
}

// Connect is connect(2). EAGAIN: the backlog is full.
func (m *Sockets) Connect(c *vfs.Context, s *Socket, name []byte, unspec bool) unix.Errno {
	if s.Type == unix.SOCK_DGRAM {
		return m.connectDatagram(c, s, name, unspec)
	}
	if unspec {
		return unix.EINVAL
	}
	switch s.State {
	case connected:
		return unix.EISCONN
	case listening:
		return unix.EINVAL
	}
	l, e := m.find(c, name)
	if e != 0 {
		return e
	}
	switch {
	case l.Type != s.Type:
		return unix.EPROTOTYPE
	case l.State != listening || l.Shutdown&noReceive != 0:
		return unix.ECONNREFUSED
	case len(l.pending) > int(l.Backlog):
		c.WaitOn = l.roomID()
		deadline(c, s, s.SendTimeout)
		return unix.EAGAIN
	}
	if s.Options&passCred != 0 && len(s.Address) == 0 {
		if e := m.bindAuto(s); e != 0 {
			return e
		}
	}
	s.OwnPid, s.OwnUid, s.OwnGid = c.PID, c.Cred.EUID, c.Cred.EGID
	n := m.newSocket(c, s.Type)
	n.OwnPid, n.OwnUid, n.OwnGid = l.OwnPid, l.OwnUid, l.OwnGid
	n.Address = bytes.Clone(l.Address)
	n.Options = l.Options & passCred
	join(s, n, c.Cred.Groups)
	n.parent = l
	l.pending = append(l.pending, n)
	m.v.Waits.Wake(l.waitID(), wait.In|wait.RdNrm)
	m.v.Waits.Wake(s.waitID(), wait.Out|wait.WrNrm)
	return 0
}

func (m *Sockets) connectDatagram(c *vfs.Context, s *Socket, name []byte, unspec bool) unix.Errno {
	if unspec {
		s.peer, s.State = nil, unconnected
		return 0
	}
	o, e := m.find(c, name)
	if e != 0 {
		return e
	}
	if e := maySend(s, o); e != 0 {
		return e
	}
	if s.Options&passCred != 0 && len(s.Address) == 0 {
		if e := m.bindAuto(s); e != 0 {
			return e
		}
	}
	s.peer, s.State = o, connected
	s.PeerPid, s.PeerUid, s.PeerGid = o.OwnPid, o.OwnUid, o.OwnGid
	m.v.Waits.Wake(s.waitID(), wait.Out|wait.WrNrm)
	return 0
}

// maySend checks that o takes datagrams from s.
func maySend(s, o *Socket) unix.Errno {
	switch {
	case o.Type != s.Type:
		return unix.EPROTOTYPE
	case o.peer != nil && o.peer != s:
		return unix.EPERM
	}
	return 0
}

// Name is getsockname(2), PeerName getpeername(2).
func (s *Socket) Name() []byte { return FormatAddress(s.Address) }

// PeerName is getpeername(2).
func (s *Socket) PeerName() ([]byte, unix.Errno) {
	if s.State != connected {
		return nil, unix.ENOTCONN
	}
	if s.peer == nil {
		return FormatAddress(nil), 0
	}
	return FormatAddress(s.peer.Address), 0
}
