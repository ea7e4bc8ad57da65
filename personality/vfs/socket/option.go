package socket

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"starling/personality/vfs"
	"starling/personality/wait"
)

// flags are the options that are a switch and change nothing else here.
var flags = []struct {
	name int
	bit  uint32
}{
	{unix.SO_PASSCRED, passCred}, {unix.SO_REUSEADDR, reuseAddr}, {unix.SO_REUSEPORT, reusePort},
	{unix.SO_KEEPALIVE, keepAlive}, {unix.SO_BROADCAST, broadcast}, {unix.SO_OOBINLINE, oobInline},
	{unix.SO_DONTROUTE, dontRoute}, {unix.SO_PASSSEC, passSec}, {unix.SO_TIMESTAMP, timestamp},
	{unix.SO_TIMESTAMPNS, timestampNS}, {unix.SO_TIMESTAMP_NEW, timestamp}, {unix.SO_TIMESTAMPNS_NEW, timestampNS},
}

// PassCred reports SO_PASSCRED.
func (s *Socket) PassCred() bool { return s.Options&passCred != 0 }

// Type is the socket's type.
func (s *Socket) Kind() int32 { return s.Type }

const (
	bufferMin = 4608   // SOCK_MIN_SNDBUF, about
	bufferTop = 425984 // twice net.core.wmem_max
)

// SetOption is setsockopt(2). No level but SOL_SOCKET has options here.
func (m *Sockets) SetOption(c *vfs.Context, s *Socket, level, name int, v []byte) unix.Errno {
	if level != unix.SOL_SOCKET {
		return unix.EOPNOTSUPP
	}
	switch name {
	case unix.SO_RCVTIMEO, unix.SO_SNDTIMEO, unix.SO_RCVTIMEO_NEW, unix.SO_SNDTIMEO_NEW:
		return s.setTimeout(name, v)
	case unix.SO_LINGER:
		if len(v) < 8 {
			return unix.EINVAL
		}
		s.Linger = 0
		if binary.LittleEndian.Uint32(v) != 0 {
			s.Linger = int64(binary.LittleEndian.Uint32(v[4:])) + 1
		}
		return 0
	case unix.SO_BINDTODEVICE, unix.SO_ATTACH_FILTER:
		return unix.EPERM
	}
	if len(v) < 4 {
		return unix.EINVAL
	}
	n := int32(binary.LittleEndian.Uint32(v))
	for _, f := range flags {
		if f.name == name {
			s.Options &^= f.bit
			if n != 0 {
				s.Options |= f.bit
			}
			return 0
		}
	}
	switch name {
	case unix.SO_SNDBUF, unix.SO_SNDBUFFORCE:
		s.SendBuffer = bufferOf(n)
		m.v.Waits.Wake(s.waitID(), wait.Out)
	case unix.SO_RCVBUF, unix.SO_RCVBUFFORCE:
		s.ReceiveBuffer = bufferOf(n)
	case unix.SO_PEEK_OFF:
		if n < -1 {
			return unix.EINVAL
		}
		s.PeekOffset = n
	case unix.SO_PRIORITY:
		if n < 0 || n > 6 {
			return unix.EPERM
		}
	case unix.SO_RCVLOWAT, unix.SO_NO_CHECK, unix.SO_MARK, unix.SO_BUSY_POLL, unix.SO_ZEROCOPY:
	case unix.SO_DEBUG:
		if n != 0 && !c.Capable(unix.CAP_NET_ADMIN) {
			return unix.EACCES
		}
	case unix.SO_TYPE, unix.SO_PROTOCOL, unix.SO_DOMAIN, unix.SO_ERROR, unix.SO_ACCEPTCONN:
		return unix.ENOPROTOOPT
	default:
		return unix.ENOPROTOOPT
	}
	return 0
}

// bufferOf is the size Linux makes of a request: doubled, within bounds (socket(7)).
func bufferOf(n int32) uint32 {
	if n < 0 {
		return bufferMin
	}
	return uint32(min(max(int64(n)*2, bufferMin), bufferTop))
}

// setTimeout takes a struct timeval; the new names have the same layout on 64-bit machines.
func (s *Socket) setTimeout(name int, v []byte) unix.Errno {
	if len(v) < 16 {
		return unix.EINVAL
	}
	sec, usec := int64(binary.LittleEndian.Uint64(v)), int64(binary.LittleEndian.Uint64(v[8:]))
	if usec < 0 || usec >= 1_000_000 {
		return unix.EDOM
	}
	ns := int64(0)
	switch {
	case sec < 0:
		ns = 1 // at once
	case sec < 1<<32:
		ns = sec*1_000_000_000 + usec*1000
	}
	if name == unix.SO_RCVTIMEO || name == unix.SO_RCVTIMEO_NEW {
		s.ReceiveTimeout = ns
	} else {
		s.SendTimeout = ns
	}
	return 0
}

// Option is getsockopt(2): the value's bytes.
func (s *Socket) Option(level, name int) ([]byte, unix.Errno) {
	if level != unix.SOL_SOCKET {
		return nil, unix.EOPNOTSUPP
	}
	for _, f := range flags {
		if f.name == name {
			return word(boolean(s.Options&f.bit != 0)), 0
		}
	}
	switch name {
	case unix.SO_TYPE:
		return word(uint32(s.Type)), 0
	case unix.SO_DOMAIN:
		return word(unix.AF_UNIX), 0
	case unix.SO_PROTOCOL, unix.SO_DEBUG, unix.SO_PRIORITY, unix.SO_MARK, unix.SO_NO_CHECK, unix.SO_BUSY_POLL, unix.SO_ZEROCOPY:
		return word(0), 0
	case unix.SO_RCVLOWAT, unix.SO_SNDLOWAT:
		return word(1), 0
	case unix.SO_ERROR:
		e := s.Error
		s.Error = 0
		return word(uint32(e)), 0
	case unix.SO_ACCEPTCONN:
		return word(boolean(s.State == listening)), 0
	case unix.SO_SNDBUF:
		return word(s.SendBuffer), 0
	case unix.SO_RCVBUF:
		return word(s.ReceiveBuffer), 0
	case unix.SO_PEEK_OFF:
		return word(uint32(s.PeekOffset)), 0
	case unix.SO_LINGER:
		if s.Linger == 0 {
			return append(word(0), word(0)...), 0
		}
		return append(word(1), word(uint32(s.Linger-1))...), 0
	case unix.SO_RCVTIMEO, unix.SO_RCVTIMEO_NEW:
		return timeval(s.ReceiveTimeout), 0
	case unix.SO_SNDTIMEO, unix.SO_SNDTIMEO_NEW:
		return timeval(s.SendTimeout), 0
	case unix.SO_PEERCRED:
		return append(append(word(uint32(s.PeerPid)), word(s.PeerUid)...), word(s.PeerGid)...), 0
	case unix.SO_PEERGROUPS:
		if s.PeerPid == 0 {
			return nil, unix.ENODATA
		}
		var b []byte
		for _, g := range s.PeerGroups {
			b = append(b, word(g)...)
		}
		return b, 0
	}
	return nil, unix.ENOPROTOOPT
}

func word(n uint32) []byte { return binary.LittleEndian.AppendUint32(nil, n) }

func boolean(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}

func timeval(ns int64) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(ns/1_000_000_000))
	return binary.LittleEndian.AppendUint64(b, uint64(ns%1_000_000_000/1000))
}
