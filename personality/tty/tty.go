package tty

import (
	"golang.org/x/sys/unix"

	"starling/personality/state"
	"starling/personality/wait"
)

// Kind is what is behind a terminal.
type Kind = byte

const (
	// Console is the terminal of the console server.
	Console Kind = iota
	// Master and Slave are the sides of a pseudo terminal.
	Master
	Slave
)

// Sizes in bytes, as Linux has them.
const (
	// bufferSize is the room for edited input (N_TTY_BUF_SIZE), and with it the
	// longest line: MAX_CANON 4095 and its end.
	bufferSize = 4096
	// pairSize is how much one side of a pair may be ahead of the other (pty_open).
	pairSize = 8192
	// outputSize is the room for output to the console (UART_XMIT_SIZE).
	outputSize = 4096
	// chunk is how much of a write is taken at once (tty_write).
	chunk = 2048
	// wakeupChars: with fewer bytes waiting for the device, the terminal is writable (WAKEUP_CHARS).
	wakeupChars = 256
)

const (
	inputEvents    = wait.In | wait.RdNrm
	outputEvents   = wait.Out | wait.WrNrm
	priorityEvents = wait.Pri
	closeEvents    = wait.Hup | wait.Err
)

// TTY is one side of a terminal.
type TTY struct {
	state.TTYT
	m    *Manager
	peer *TTY // other side of a pair, nil once it is gone

	opens   int       // open files
	special [256]bool // characters that are more than themselves
	busy    bool      // inside receive
	raw     bool      // no character is special and nothing is echoed
}

// pair reports whether t is a side of a pseudo terminal.
func (t *TTY) pair() bool { return t.Kind != Console }

// real is the side that has the settings, the window and the job control: of a pair, the slave.
func (t *TTY) real() *TTY {
	if t.Kind == Master && t.peer != nil {
		return t.peer
	}
	return t
}

// canonical reports whether input is taken by lines.
func (t *TTY) canonical() bool {
	return t.Lflag&unix.ICANON != 0 && t.Lflag&extProc == 0
}

// Number is the device number of the terminal, as /proc/PID/stat shows it.
func (t *TTY) Number() uint64 {
	switch t.Kind {
	case Slave:
		return unix.Mkdev(MajorSlave+t.Index>>8, t.Index&0xff)
	case Master:
		return unix.Mkdev(MajorMaster+t.Index>>8, t.Index&0xff)
	}
	return unix.Mkdev(MajorTerminal, MinorSerial)
}

// Name is the name of the terminal under /dev.
func (t *TTY) Name() string {
	switch t.Kind {
	case Slave:
		return "pts/" + decimal(t.Index)
	case Master:
		return "ptmx"
	}
	return "ttyS0"
}

// available reports whether a read would get something. least is what MIN asks for when
// polled.
func (t *TTY) available(poll bool) bool {
	if t.canonical() {
		return t.Canon != 0
	}
	least := uint32(1)
	if poll && t.Cc[unix.VTIME] == 0 && t.Cc[unix.VMIN] != 0 {
		least = uint32(t.Cc[unix.VMIN])
	}
	return t.Committed >= least
}

// readable is what FIONREAD says.
func (t *TTY) readable() int {
	if !t.canonical() {
		return len(t.Input)
	}
	n := int(t.Canon)
	for _, mark := range t.Marks {
		if t.Input[mark] == disabled && mark < t.Canon {
			n--
		}
	}
	return n
}

// ready is the state for poll(2).
func (t *TTY) ready() wait.Events {
	var ev wait.Events
	if t.available(true) {
		ev |= inputEvents
	}
	if t.Kind == Master && t.Packet && t.peer != nil && t.peer.PacketStatus != 0 {
		ev |= inputEvents | priorityEvents
	}
	if t.PeerClosed || t.InputEnded {
		ev |= wait.Hup
	}
	if t.pending() < wakeupChars && t.room() > 0 {
		ev |= outputEvents
	}
	return ev
}

// decimal avoids fmt on paths that many programs take.
func decimal(n uint32) string {
	var b [10]byte
	i := len(b)
	for {
		i--
		b[i] = byte('0' + n%10)
		n /= 10
		if n == 0 {
			return string(b[i:])
		}
	}
}
