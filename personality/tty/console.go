package tty

import (
	"golang.org/x/sys/unix"

	"starling/ipc/console"
	"starling/personality/state"
	"starling/personality/vfs"
	"starling/personality/wait"
)

// Wire is the client's end of the wire to the console server; *console.Client is one.
type Wire interface {
	Write(ch console.Channel, p []byte) (int, console.State, error)
	Read(ch console.Channel, p []byte) (int, console.State, error)
	Status(ch console.Channel) (console.State, error)
}

// setConsoleSpeed is what a serial console started with 115200 baud shows.
func setConsoleSpeed(t *state.TTYT) {
	t.Cflag = unix.B115200 | unix.CS8 | unix.CREAD | unix.HUPCL | unix.CLOCAL
	t.Ispeed, t.Ospeed = 115200, 115200
}

// OpenConsole makes the terminal of the console server; rows and columns may be 0
// when the size is not known yet.
func (m *Manager) OpenConsole(rows, columns uint16) *TTY {
	t := &TTY{m: m, TTYT: state.TTYT{Id: m.v.NewID(), Kind: Console, InputMore: true,
		Rows: rows, Columns: columns, ConsoleRows: rows, ConsoleColumns: columns}}
	setStandard(&t.TTYT)
	setConsoleSpeed(&t.TTYT)
	t.mapSpecial()
	m.ttys[t.Id], m.console = t, t
	return t
}

// sendConsole hands output to the console server as far as it has room.
func (m *Manager) sendConsole(t *TTY) {
	n, s, err := m.wire.Write(console.Terminal, t.Output)
	if err != nil || s.Flags&console.Broken != 0 {
		n = len(t.Output) // nobody will ever take it
	}
	t.Output = append(t.Output[:0], t.Output[n:]...)
	t.noteWindow(s)
	if n > 0 && t.pending() < wakeupChars {
		m.wake(t, outputEvents)
	}
}

// pullConsole takes input from the console server as long as the line discipline has room.
func (m *Manager) pullConsole(t *TTY) {
	var buf [512]byte
	for len(t.Arrived) == 0 {
		n, s, err := m.wire.Read(console.Terminal, buf[:])
		if err != nil {
			t.InputMore = false
			return
		}
		t.noteWindow(s)
		if n > 0 {
			t.Arrived = append(t.Arrived, buf[:n]...)
			t.receive()
		}
		if s.Available == 0 {
			t.InputMore = false
			if s.Flags&console.End != 0 && !t.InputEnded {
				t.InputEnded = true
				m.wake(t, inputEvents|closeEvents)
			}
			return
		}
	}
	t.InputMore = true
}

// noteWindow passes on a window size that the console reports for the first time.
func (t *TTY) noteWindow(s console.State) {
	if s.Rows == 0 && s.Columns == 0 || s.Rows == t.ConsoleRows && s.Columns == t.ConsoleColumns {
		return
	}
	t.ConsoleRows, t.ConsoleColumns = s.Rows, s.Columns
	t.resize(s.Rows, s.Columns, 0, 0)
}

// Notified must be called with the bits the console server notified.
func (m *Manager) Notified(bits uint64) {
	if m.wire == nil {
		return
	}
	if t := m.console; t != nil {
		if bits&console.InputBit(console.Terminal) != 0 {
			m.pullConsole(t)
		}
		if bits&console.SpaceBit(console.Terminal) != 0 {
			t.processEchoes()
			t.flush()
			m.wake(t, outputEvents)
		}
	}
	m.streams.notified(bits)
}

// unsent is how many bytes of output have not reached the device.
func (m *Manager) unsent(t *TTY) int {
	n := t.pending()
	if t.Kind == Console {
		if s, err := m.wire.Status(console.Terminal); err == nil {
			n += s.Pending
		}
	}
	return n
}

// drained waits until all output has reached the device: EAGAIN until then. The
// console notifies when its last byte is out. An open file that must not wait does not.
func (m *Manager) drained(c *vfs.Context, f *vfs.File, t *TTY) unix.Errno {
	if f.NonBlock() || m.unsent(t) == 0 {
		return 0
	}
	c.WaitOn = t.WaitID()
	return unix.EAGAIN
}

// WaitID is what waiters for the terminal wait for.
func (t *TTY) WaitID() wait.ID { return wait.ID(t.Id) }
