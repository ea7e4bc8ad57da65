package tty

import (
	"sort"

	"golang.org/x/sys/unix"

	"starling/personality/state"
	"starling/personality/vfs"
	"starling/personality/wait"
)

// Device numbers (Documentation/admin-guide/devices.txt of Linux).
const (
	MajorTerminal = 4 // tty0, ttyS0
	MajorAux      = 5 // tty, console, ptmx
	MajorMaster   = 128
	MajorSlave    = 136 // to 143

	MinorSerial  = 64
	minorTTY     = 0
	minorConsole = 1
	minorMaster  = 2
)

// Manager holds every terminal of the personality.
type Manager struct {
	v     *vfs.VFS
	jobs  Jobs
	wire  Wire
	names Names

	ttys    map[uint64]*TTY
	pairs   []*TTY // masters by index
	console *TTY
	streams streams
}

// New makes a manager and registers the terminal devices. The wire may be nil
// where there is no console.
func New(v *vfs.VFS, jobs Jobs, wire Wire) *Manager {
	m := &Manager{v: v, jobs: jobs, wire: wire, ttys: map[uint64]*TTY{}}
	v.RegisterChar(MajorTerminal, device{m})
	v.RegisterChar(MajorAux, device{m})
	for i := uint32(0); i < 8; i++ {
		v.RegisterChar(MajorSlave+i, device{m})
	}
	m.streams.register(m)
	return m
}

// SetNames says where the names of slaves are: devpts.
func (m *Manager) SetNames(n Names) { m.names = n }

// Console is the terminal of the console server, or nil.
func (m *Manager) Console() *TTY { return m.console }

// Terminal finds a terminal by its id, for /proc; nil if there is none.
func (m *Manager) Terminal(id uint64) *TTY { return m.ttys[id] }

// Pairs is the number of pseudo terminals.
func (m *Manager) Pairs() int { return len(m.pairs) }

func (m *Manager) wake(t *TTY, ev wait.Events) { m.v.Waits.Wake(wait.ID(t.Id), ev) }

// device opens terminals by device number.
type device struct{ m *Manager }

// Open implements vfs.Device.
func (d device) Open(c *vfs.Context, f *vfs.File) unix.Errno {
	major, minor := unix.Major(f.Inode.Rdev), unix.Minor(f.Inode.Rdev)
	switch {
	case major >= MajorSlave:
		return d.m.openSlave(c, f, (major-MajorSlave)<<8|minor)
	case major == MajorAux && minor == minorMaster:
		return d.m.openMaster(c, f)
	case major == MajorAux && minor == minorTTY:
		k, ok := c.Task.(Task)
		if !ok {
			return unix.ENXIO
		}
		t := d.m.ttys[k.Terminal()]
		if t == nil {
			return unix.ENXIO
		}
		t.attach(f)
		return 0
	case major == MajorAux && minor == minorConsole:
		// The console never becomes a controlling terminal by being opened.
		if d.m.console == nil {
			return unix.ENODEV
		}
		d.m.console.attach(f)
		return 0
	case major == MajorTerminal && (minor == MinorSerial || minor == 0):
		t := d.m.console
		if t == nil {
			return unix.ENXIO
		}
		if t.Exclusive && !c.Cred.Has(unix.CAP_SYS_ADMIN) {
			return unix.EBUSY
		}
		t.attach(f)
		t.mayAdopt(c, f)
		return 0
	}
	return unix.ENXIO
}

// Reopen implements vfs.Device: File.Key0 names the terminal.
func (d device) Reopen(f *vfs.File) unix.Errno {
	t := d.m.ttys[f.Key0]
	if t == nil {
		return unix.ENXIO
	}
	t.attach(f)
	return 0
}

// export is the state of a terminal. What is empty is absent, so that the bytes do
// not tell whether there ever was something.
func (t *TTY) export() *state.TTYT {
	r := t.TTYT
	for _, p := range [...]*[]byte{&r.Input, &r.Echoes, &r.Arrived, &r.Output, &r.LockCc} {
		if len(*p) == 0 {
			*p = nil
		}
	}
	for _, p := range [...]*[]uint32{&r.Marks, &r.LockFlags} {
		if len(*p) == 0 {
			*p = nil
		}
	}
	return &r
}

// Export is the state of all terminals, sorted by id.
func (m *Manager) Export() *state.TerminalsT {
	s := &state.TerminalsT{}
	for _, t := range m.ttys {
		s.Ttys = append(s.Ttys, t.export())
	}
	sort.Slice(s.Ttys, func(i, j int) bool { return s.Ttys[i].Id < s.Ttys[j].Id })
	if m.console != nil {
		s.Console = m.console.Id
	}
	m.streams.export(s)
	return s
}

// Import makes the terminals again. It must come before the open files are made again.
func (m *Manager) Import(s *state.TerminalsT) unix.Errno {
	for _, r := range s.Ttys {
		if len(r.Cc) != ccCount || r.Kind > Slave {
			return unix.EINVAL
		}
		t := &TTY{TTYT: *r, m: m}
		t.mapSpecial()
		m.ttys[t.Id] = t
	}
	for _, r := range s.Ttys {
		t := m.ttys[r.Id]
		if t.Peer != 0 {
			if t.peer = m.ttys[t.Peer]; t.peer == nil {
				return unix.EINVAL
			}
		}
		if t.Kind == Master {
			m.pairs = append(m.pairs, t)
		}
	}
	sort.Slice(m.pairs, func(i, j int) bool { return m.pairs[i].Index < m.pairs[j].Index })
	m.console = m.ttys[s.Console]
	m.streams.restore(s)
	return 0
}
