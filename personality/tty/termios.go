package tty

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"starling/personality/state"
)

// Lengths of the structures of termios ioctls in bytes (asm-generic/termbits.h).
const (
	ccCount      = 19 // NCCS of the kernel
	termiosSize  = 36 // struct termios
	termios2Size = 44 // struct termios2
	termioSize   = 18 // struct termio, with padding
	termioCount  = 8  // NCC
)

// disabled is the character that stands for "no such special character", and in the
// input for an end of file (__DISABLED_CHAR).
const disabled = 0

// Bits that x/sys/unix lacks or that belong to n_tty alone.
const (
	extProc = 0x10000 // EXTPROC
	tabDly  = 0x1800  // TABDLY
	xTabs   = 0x1800  // XTABS
)

// initialCC is INIT_C_CC: intr, quit, erase, kill, eof, time, min, swtc, start, stop, susp,
// eol, reprint, discard, werase, lnext, eol2.
var initialCC = [ccCount]byte{
	003, 034, 0177, 025, 004, 0, 1, 0, 021, 023, 032, 0, 022, 017, 027, 026, 0,
}

// setStandard gives t the settings of a fresh terminal (tty_std_termios).
func setStandard(t *state.TTYT) {
	t.Iflag = unix.ICRNL | unix.IXON
	t.Oflag = unix.OPOST | unix.ONLCR
	t.Cflag = unix.B38400 | unix.CS8 | unix.CREAD
	t.Lflag = unix.ISIG | unix.ICANON | unix.ECHO | unix.ECHOE | unix.ECHOK |
		unix.ECHOCTL | unix.ECHOKE | unix.IEXTEN
	t.Ispeed, t.Ospeed = 38400, 38400
	t.Line = 0
	t.Cc = append(t.Cc[:0], initialCC[:]...)
}

// setRawMaster gives t the settings of the master of a pair (pty_init).
func setRawMaster(t *state.TTYT) {
	setStandard(t)
	t.Iflag, t.Oflag, t.Lflag = 0, 0, 0
}

// speeds is what the CBAUD bits stand for, in bits per second (tty_baudrate.c).
var speeds = map[uint32]uint32{
	unix.B0: 0, unix.B50: 50, unix.B75: 75, unix.B110: 110, unix.B134: 134, unix.B150: 150,
	unix.B200: 200, unix.B300: 300, unix.B600: 600, unix.B1200: 1200, unix.B1800: 1800,
	unix.B2400: 2400, unix.B4800: 4800, unix.B9600: 9600, unix.B19200: 19200,
	unix.B38400: 38400, unix.B57600: 57600, unix.B115200: 115200, unix.B230400: 230400,
	unix.B460800: 460800, unix.B500000: 500000, unix.B576000: 576000, unix.B921600: 921600,
	unix.B1000000: 1000000, unix.B1152000: 1152000, unix.B1500000: 1500000,
	unix.B2000000: 2000000, unix.B2500000: 2500000, unix.B3000000: 3000000,
	unix.B3500000: 3500000, unix.B4000000: 4000000,
}

// inputSpeedShift is where CBAUD of the input speed is in c_cflag (IBSHIFT).
const inputSpeedShift = 16

// settings is what a termios ioctl reads or writes.
type settings struct {
	iflag, oflag, cflag, lflag uint32
	line                       byte
	cc                         [ccCount]byte
	ispeed, ospeed             uint32
}

func settingsOf(t *state.TTYT) settings {
	s := settings{iflag: t.Iflag, oflag: t.Oflag, cflag: t.Cflag, lflag: t.Lflag,
		line: t.Line, ispeed: t.Ispeed, ospeed: t.Ospeed}
	copy(s.cc[:], t.Cc)
	return s
}

// put writes struct termios, or termios2 when b has the room.
func (s *settings) put(b []byte) {
	le := binary.LittleEndian
	le.PutUint32(b[0:], s.iflag)
	le.PutUint32(b[4:], s.oflag)
	le.PutUint32(b[8:], s.cflag)
	le.PutUint32(b[12:], s.lflag)
	b[16] = s.line
	copy(b[17:], s.cc[:])
	if len(b) >= termios2Size {
		le.PutUint32(b[36:], s.ispeed)
		le.PutUint32(b[40:], s.ospeed)
	}
}

// get reads struct termios or termios2. Without explicit speeds they follow the CBAUD bits.
func (s *settings) get(b []byte) {
	le := binary.LittleEndian
	s.iflag, s.oflag = le.Uint32(b[0:]), le.Uint32(b[4:])
	s.cflag, s.lflag = le.Uint32(b[8:]), le.Uint32(b[12:])
	s.line = b[16]
	copy(s.cc[:], b[17:])
	if len(b) >= termios2Size {
		s.ispeed, s.ospeed = le.Uint32(b[36:]), le.Uint32(b[40:])
	}
	s.deriveSpeeds()
}

// deriveSpeeds sets the speeds from the CBAUD bits unless those say BOTHER.
func (s *settings) deriveSpeeds() {
	out := s.cflag & unix.CBAUD
	if out != unix.BOTHER {
		if v, ok := speeds[out]; ok {
			s.ospeed = v
		}
	}
	switch in := s.cflag >> inputSpeedShift & unix.CBAUD; in {
	case 0:
		s.ispeed = s.ospeed
	case unix.BOTHER:
	default:
		if v, ok := speeds[in]; ok {
			s.ispeed = v
		}
	}
}

// putOld writes struct termio: the low halves of the flags and eight characters.
func (s *settings) putOld(b []byte) {
	le := binary.LittleEndian
	for i, v := range [4]uint32{s.iflag, s.oflag, s.cflag, s.lflag} {
		le.PutUint16(b[2*i:], uint16(v))
	}
	b[8] = s.line
	copy(b[9:9+termioCount], s.cc[:])
}

// getOld reads struct termio over the present settings.
func (s *settings) getOld(b []byte) {
	le := binary.LittleEndian
	for i, p := range [4]*uint32{&s.iflag, &s.oflag, &s.cflag, &s.lflag} {
		*p = *p&^0xffff | uint32(le.Uint16(b[2*i:]))
	}
	s.line = b[8]
	copy(s.cc[:termioCount], b[9:])
	s.deriveSpeeds()
}

// lock keeps what TIOCSLCKTRMIOS locked: every bit set in the lock stays as in old.
func (s *settings) lock(t *state.TTYT, old *settings) {
	if len(t.LockFlags) != 4 || len(t.LockCc) != ccCount {
		return
	}
	keep := func(v *uint32, was, mask uint32) { *v = *v&^mask | was&mask }
	keep(&s.iflag, old.iflag, t.LockFlags[0])
	keep(&s.oflag, old.oflag, t.LockFlags[1])
	keep(&s.cflag, old.cflag, t.LockFlags[2])
	keep(&s.lflag, old.lflag, t.LockFlags[3])
	for i, m := range t.LockCc {
		if m != 0 {
			s.cc[i] = old.cc[i]
		}
	}
}

// apply makes s the settings of t, with all that follows from the change.
func (t *TTY) apply(s settings) {
	old := settingsOf(&t.TTYT)
	s.lock(&t.TTYT, &old)
	if t.pair() {
		// A pseudo terminal has eight bits whatever is asked (pty_set_termios).
		s.cflag = s.cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8 | unix.CREAD
	}
	t.Iflag, t.Oflag, t.Cflag, t.Lflag = s.iflag, s.oflag, s.cflag, s.lflag
	t.Line, t.Ispeed, t.Ospeed = s.line, s.ispeed, s.ospeed
	copy(t.Cc, s.cc[:])
	if t.Kind == Slave && t.peer.Packet {
		t.reportSettings(&old)
	}
	if (old.lflag^t.Lflag)&(unix.ICANON|extProc) != 0 {
		t.switchMode()
	}
	t.mapSpecial()
	if t.Iflag&unix.IXON == 0 && old.iflag&unix.IXON != 0 && !t.Held && t.Stopped {
		t.start()
		t.processEchoes()
	}
	t.m.wake(t, inputEvents|outputEvents)
}

// switchMode is what turning ICANON on or off does to input already there: turned
// on, it becomes one finished line; turned off, all of it can be read.
func (t *TTY) switchMode() {
	t.Marks = t.Marks[:0]
	if t.Lflag&unix.ICANON == 0 || len(t.Input) == 0 {
		t.Canon, t.Push = 0, false
	} else {
		t.Marks = append(t.Marks, uint32(len(t.Input)-1))
		t.Canon, t.Push = uint32(len(t.Input)), true
	}
	t.Committed = uint32(len(t.Input))
	t.Erasing, t.Literal = false, false
}

// reportSettings tells the master in packet mode about flow control and EXTPROC.
func (t *TTY) reportSettings(old *settings) {
	flow := func(iflag uint32, cc []byte) bool {
		return iflag&unix.IXON != 0 && cc[unix.VSTOP] == 023 && cc[unix.VSTART] == 021
	}
	was, is := flow(old.iflag, old.cc[:]), flow(t.Iflag, t.Cc)
	ext := (old.lflag|t.Lflag)&extProc != 0
	if was != is {
		t.PacketStatus &^= unix.TIOCPKT_DOSTOP | unix.TIOCPKT_NOSTOP
		if is {
			t.PacketStatus |= unix.TIOCPKT_DOSTOP
		} else {
			t.PacketStatus |= unix.TIOCPKT_NOSTOP
		}
	}
	if ext {
		t.PacketStatus |= unix.TIOCPKT_IOCTL
	}
	if was != is || ext {
		t.m.wake(t.peer, inputEvents|priorityEvents)
	}
}

// mapSpecial notes which characters need a look (n_tty_set_termios).
func (t *TTY) mapSpecial() {
	t.special = [256]bool{}
	set := func(which ...int) {
		for _, i := range which {
			t.special[t.Cc[i]] = true
		}
	}
	t.raw = t.Iflag&(unix.ISTRIP|unix.IUCLC|unix.IGNCR|unix.ICRNL|unix.INLCR|unix.IXON|unix.PARMRK) == 0 &&
		t.Lflag&(unix.ICANON|unix.ISIG|unix.ECHO) == 0
	if t.raw {
		return
	}
	if t.Lflag&unix.ICANON != 0 {
		set(unix.VERASE, unix.VKILL, unix.VEOF, unix.VEOL)
		if t.Lflag&unix.IEXTEN != 0 {
			set(unix.VWERASE, unix.VLNEXT, unix.VEOL2)
			if t.Lflag&unix.ECHO != 0 {
				set(unix.VREPRINT)
			}
		}
	}
	if t.Iflag&unix.IXON != 0 {
		set(unix.VSTART, unix.VSTOP)
	}
	if t.Lflag&unix.ISIG != 0 {
		set(unix.VINTR, unix.VQUIT, unix.VSUSP)
	}
	if t.Iflag&(unix.IGNCR|unix.ICRNL) != 0 {
		t.special['\r'] = true
	}
	if t.Iflag&unix.INLCR != 0 || t.Lflag&unix.ICANON != 0 {
		t.special['\n'] = true
	}
	t.special[disabled] = false
}
