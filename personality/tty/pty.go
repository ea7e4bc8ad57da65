package tty

import (
	"golang.org/x/sys/unix"

	"starling/personality/state"
	"starling/personality/usermem"
	"starling/personality/vfs"
)

// MaxPairs is how many pseudo terminals there can be (kernel.pty.max).
const MaxPairs = 4096

// Names is the directory of slaves, /dev/pts.
type Names interface {
	// Add makes the name of pair index, owned by the caller.
	Add(c *vfs.Context, index uint32) unix.Errno
	// Remove takes the name away.
	Remove(index uint32)
	// Place is where the name is, to open the slave by TIOCGPTPEER.
	Place(index uint32) (vfs.Path, bool)
}

// openMaster makes a pair and attaches f to its master. ENOSPC when there are too
// many, ENODEV without a directory of slaves.
func (m *Manager) openMaster(c *vfs.Context, f *vfs.File) unix.Errno {
	if m.names == nil {
		return unix.ENODEV
	}
	index := uint32(0)
	for _, t := range m.pairs { // sorted by index: the first gap
		if t.Index != index {
			break
		}
		index++
	}
	if index >= MaxPairs {
		return unix.ENOSPC
	}
	if e := m.names.Add(c, index); e != 0 {
		return e
	}
	m.newPair(index).attach(f)
	return 0
}

// newPair makes the terminals of pair index and returns the master. Indexes are dense
// from the front, so index is also the place in pairs.
func (m *Manager) newPair(index uint32) *TTY {
	master := &TTY{m: m, TTYT: state.TTYT{Id: m.v.NewID(), Kind: Master, Index: index}}
	slave := &TTY{m: m, TTYT: state.TTYT{Id: m.v.NewID(), Kind: Slave, Index: index, Locked: true}}
	setRawMaster(&master.TTYT)
	setStandard(&slave.TTYT)
	master.mapSpecial()
	slave.mapSpecial()
	master.peer, slave.peer = slave, master
	master.Peer, slave.Peer = slave.Id, master.Id
	m.ttys[master.Id], m.ttys[slave.Id] = master, slave
	m.pairs = append(m.pairs, nil)
	copy(m.pairs[index+1:], m.pairs[index:])
	m.pairs[index] = master
	return master
}

// openSlave attaches f to the slave of a pair. EIO while it is locked or its master is gone.
func (m *Manager) openSlave(c *vfs.Context, f *vfs.File, index uint32) unix.Errno {
	t := m.slave(index)
	if t == nil || t.HungUp || t.Locked {
		return unix.EIO
	}
	if t.Exclusive && !c.Cred.Has(unix.CAP_SYS_ADMIN) {
		return unix.EBUSY
	}
	t.attach(f)
	t.PeerClosed, t.peer.PeerClosed = false, false
	t.mayAdopt(c, f)
	return 0
}

func (m *Manager) slave(index uint32) *TTY {
	for _, t := range m.pairs {
		if t.Index == index {
			return t.peer
		}
	}
	return nil
}

// close is called when an open file of the terminal goes.
func (t *TTY) close() {
	t.opens--
	if t.opens > 0 {
		return
	}
	switch t.Kind {
	case Slave:
		t.Exclusive = false
		if t.peer != nil {
			t.peer.PeerClosed = true
			t.m.wake(t.peer, inputEvents|outputEvents|closeEvents)
			return
		}
		delete(t.m.ttys, t.Id)
	case Master:
		t.m.closeMaster(t)
	}
}

// closeMaster ends a pair: its name goes and the slave is hung up (pty_close). The slave
// stays as long as it is open.
func (m *Manager) closeMaster(t *TTY) {
	s := t.peer
	for i := range m.pairs {
		if m.pairs[i] == t {
			m.pairs = append(m.pairs[:i], m.pairs[i+1:]...)
			break
		}
	}
	delete(m.ttys, t.Id)
	if m.names != nil {
		m.names.Remove(t.Index)
	}
	s.peer, s.Peer, s.HungUp, s.PeerClosed = nil, 0, true, true
	m.hangup(s, false)
	if s.opens == 0 {
		delete(m.ttys, s.Id)
	}
}

// masterIoctl is what only the master of a pair understands (pty_unix98_ioctl).
func (t *TTY) masterIoctl(c *vfs.Context, cmd uint32, arg uint64) (int64, unix.Errno) {
	switch cmd {
	case unix.TIOCGPTN:
		return 0, putInt(c, arg, int32(t.Index), 0)
	case unix.TIOCSPTLCK:
		v, e := usermem.Read32(c.Mem, arg)
		if e == 0 {
			t.peer.Locked = v != 0
		}
		return 0, e
	case tiocgptlck:
		return 0, putInt(c, arg, truth(t.peer.Locked), 0)
	case unix.TIOCPKT:
		v, e := usermem.Read32(c.Mem, arg)
		if e != 0 {
			return 0, e
		}
		if v != 0 && !t.Packet {
			t.peer.PacketStatus = 0
		}
		t.Packet = v != 0
		return 0, 0
	case tiocgpkt:
		return 0, putInt(c, arg, truth(t.Packet), 0)
	case tiocsig:
		sig := unix.Signal(arg)
		if sig != unix.SIGINT && sig != unix.SIGQUIT && sig != unix.SIGTSTP {
			return 0, unix.EINVAL
		}
		t.peer.signal(sig)
		return 0, 0
	case tiocgptpeer:
		return t.openPeer(c, uint32(arg))
	}
	return 0, unix.ENOTTY
}

// openPeer is TIOCGPTPEER: a descriptor of the slave, whatever name /dev/pts has.
func (t *TTY) openPeer(c *vfs.Context, flags uint32) (int64, unix.Errno) {
	place, ok := t.m.names.Place(t.Index)
	if !ok {
		return 0, unix.EIO
	}
	f, e := c.OpenPath(place, &vfs.OpenHow{Flags: flags})
	if e != 0 {
		return 0, e
	}
	fd, e := c.Alloc(f, 0, flags&unix.O_CLOEXEC != 0)
	return int64(fd), e
}
