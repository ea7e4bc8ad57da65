package tty

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"starling/personality/usermem"
	"starling/personality/vfs"
)

// Requests that x/sys/unix lacks (asm-generic/ioctls.h).
const (
	tiocgptpeer = 0x5441
	tiocgexcl   = 0x80045440
	tiocgptlck  = 0x80045439
	tiocgpkt    = 0x80045438
	tiocsig     = 0x40045436
	tcgeta      = 0x5405
	tcseta      = 0x5406
	tcsetaw     = 0x5407
	tcsetaf     = 0x5408
	tioclinux   = 0x541c
	tiocvhangup = 0x5437
	tiocgdev    = 0x80045432
)

// When a change of settings takes effect.
const (
	drainFirst = 1 << iota
	flushFirst
	oldLayout
	withSpeeds
)

// ioctl is ioctl_tty(2). Settings, window and job control belong to the slave, whichever
// side of a pair is asked.
func (t *TTY) ioctl(c *vfs.Context, f *vfs.File, cmd uint32, arg uint64) (int64, unix.Errno) {
	r := t.real()
	switch cmd {
	case unix.TCGETS:
		return 0, t.getSettings(c, arg, 0)
	case unix.TCGETS2:
		return 0, t.getSettings(c, arg, withSpeeds)
	case tcgeta:
		return 0, t.getSettings(c, arg, oldLayout)
	case unix.TCSETS:
		return 0, t.setSettings(c, f, arg, 0)
	case unix.TCSETSW:
		return 0, t.setSettings(c, f, arg, drainFirst)
	case unix.TCSETSF:
		return 0, t.setSettings(c, f, arg, drainFirst|flushFirst)
	case unix.TCSETS2:
		return 0, t.setSettings(c, f, arg, withSpeeds)
	case unix.TCSETSW2:
		return 0, t.setSettings(c, f, arg, withSpeeds|drainFirst)
	case unix.TCSETSF2:
		return 0, t.setSettings(c, f, arg, withSpeeds|drainFirst|flushFirst)
	case tcseta:
		return 0, t.setSettings(c, f, arg, oldLayout)
	case tcsetaw:
		return 0, t.setSettings(c, f, arg, oldLayout|drainFirst)
	case tcsetaf:
		return 0, t.setSettings(c, f, arg, oldLayout|drainFirst|flushFirst)
	case unix.TIOCGLCKTRMIOS, unix.TIOCSLCKTRMIOS:
		return 0, r.lockSettings(c, cmd == unix.TIOCSLCKTRMIOS, arg)

	case unix.TIOCGWINSZ:
		return 0, r.getWindow(c, arg)
	case unix.TIOCSWINSZ:
		return 0, r.setWindow(c, arg)

	case unix.TIOCSCTTY:
		return 0, r.setController(c, f, arg)
	case unix.TIOCNOTTY:
		return 0, t.giveUp(c)
	case unix.TIOCGPGRP:
		group, e := r.foreground(c, t)
		return 0, putInt(c, arg, group, e)
	case unix.TIOCSPGRP:
		group, e := usermem.Read32(c.Mem, arg)
		if e != 0 {
			// The caller's right to ask comes first.
			if e := r.check(c, unix.SIGTTOU); e != 0 && e != unix.EIO {
				return 0, e
			}
			return 0, unix.EFAULT
		}
		return 0, r.setForeground(c, int32(group))
	case unix.TIOCGSID:
		session, e := r.session(c, t)
		return 0, putInt(c, arg, session, e)

	case unix.TIOCINQ:
		return 0, putInt(c, arg, int32(t.readable()), 0)
	case unix.TIOCOUTQ:
		return 0, putInt(c, arg, int32(t.m.unsent(t)), 0)
	case unix.TCFLSH:
		return 0, t.flushQueues(c, arg)
	case unix.TCXONC:
		return 0, t.flowControl(c, arg)
	case unix.TCSBRK, unix.TCSBRKP, unix.TIOCSBRK:
		// There is no line to hold a break on; what remains is waiting for the output.
		if e := t.check(c, unix.SIGTTOU); e != 0 {
			return 0, e
		}
		return 0, t.m.drained(c, f, t)
	case unix.TIOCCBRK:
		return 0, 0

	case unix.TIOCGETD:
		return 0, putInt(c, arg, int32(t.Line), 0)
	case unix.TIOCSETD:
		return 0, t.setDiscipline(c, arg)
	case unix.TIOCEXCL:
		t.Exclusive = true
		return 0, 0
	case unix.TIOCNXCL:
		t.Exclusive = false
		return 0, 0
	case tiocgexcl:
		return 0, putInt(c, arg, truth(t.Exclusive), 0)
	case tiocgdev:
		return 0, putInt(c, arg, int32(r.Number()), 0)
	case unix.TIOCGSOFTCAR:
		return 0, putInt(c, arg, truth(r.Cflag&unix.CLOCAL != 0), 0)
	case unix.TIOCSSOFTCAR:
		return 0, r.setCarrier(c, arg)
	case unix.TIOCSTI:
		// Pretended input is off, as with dev.tty.legacy_tiocsti=0.
		return 0, unix.EIO
	case tiocvhangup:
		if !c.Cred.Has(unix.CAP_SYS_ADMIN) {
			return 0, unix.EPERM
		}
		t.m.hangup(t, false)
		return 0, 0
	case unix.TIOCCONS:
		if !c.Cred.Has(unix.CAP_SYS_ADMIN) {
			return 0, unix.EPERM
		}
		return 0, unix.EBUSY // the console's output goes to the console
	}
	if t.Kind == Master {
		return t.masterIoctl(c, cmd, arg)
	}
	return 0, unix.ENOTTY
}

func truth(b bool) int32 {
	if b {
		return 1
	}
	return 0
}

// putInt writes an int result unless there is an error.
func putInt(c *vfs.Context, arg uint64, v int32, e unix.Errno) unix.Errno {
	if e != 0 {
		return e
	}
	return usermem.Write32(c.Mem, arg, uint32(v))
}

func (t *TTY) getSettings(c *vfs.Context, arg uint64, how int) unix.Errno {
	s := settingsOf(&t.real().TTYT)
	var b [termios2Size]byte
	n := termiosSize
	switch how {
	case withSpeeds:
		n = termios2Size
		s.put(b[:n])
	case oldLayout:
		n = termioSize
		s.putOld(b[:n])
	default:
		s.put(b[:n])
	}
	_, e := usermem.CopyOut(c.Mem, arg, b[:n])
	return e
}

// setSettings changes the settings. A background process is stopped first.
func (t *TTY) setSettings(c *vfs.Context, f *vfs.File, arg uint64, how int) unix.Errno {
	r := t.real()
	if e := r.check(c, unix.SIGTTOU); e != 0 {
		return e
	}
	s := settingsOf(&r.TTYT)
	var b [termios2Size]byte
	n := termiosSize
	switch {
	case how&oldLayout != 0:
		n = termioSize
	case how&withSpeeds != 0:
		n = termios2Size
	}
	if _, e := usermem.CopyIn(c.Mem, b[:n], arg); e != 0 {
		return e
	}
	if how&oldLayout != 0 {
		s.getOld(b[:n])
	} else {
		s.get(b[:n])
	}
	if how&flushFirst != 0 && !c.Again {
		r.flushInput()
	}
	if how&drainFirst != 0 {
		if e := r.m.drained(c, f, r); e != 0 {
			return e
		}
	}
	r.apply(s)
	return 0
}

// lockSettings is TIOCGLCKTRMIOS and TIOCSLCKTRMIOS: bits set in the lock cannot be changed.
func (t *TTY) lockSettings(c *vfs.Context, set bool, arg uint64) unix.Errno {
	var s settings
	var b [termiosSize]byte
	if !set {
		if len(t.LockFlags) == 4 {
			s.iflag, s.oflag, s.cflag, s.lflag = t.LockFlags[0], t.LockFlags[1], t.LockFlags[2], t.LockFlags[3]
			copy(s.cc[:], t.LockCc)
		}
		s.put(b[:])
		_, e := usermem.CopyOut(c.Mem, arg, b[:])
		return e
	}
	if !c.Cred.Has(unix.CAP_SYS_ADMIN) {
		return unix.EPERM
	}
	if _, e := usermem.CopyIn(c.Mem, b[:], arg); e != 0 {
		return e
	}
	s.get(b[:])
	t.LockFlags = []uint32{s.iflag, s.oflag, s.cflag, s.lflag}
	t.LockCc = append([]byte(nil), s.cc[:]...)
	return 0
}

// getWindow is TIOCGWINSZ: rows, columns, pixels.
func (t *TTY) getWindow(c *vfs.Context, arg uint64) unix.Errno {
	var b [8]byte
	for i, v := range [4]uint16{t.Rows, t.Columns, t.Xpixel, t.Ypixel} {
		binary.LittleEndian.PutUint16(b[2*i:], v)
	}
	_, e := usermem.CopyOut(c.Mem, arg, b[:])
	return e
}

func (t *TTY) setWindow(c *vfs.Context, arg uint64) unix.Errno {
	var b [8]byte
	if _, e := usermem.CopyIn(c.Mem, b[:], arg); e != 0 {
		return e
	}
	le := binary.LittleEndian
	t.resize(le.Uint16(b[0:]), le.Uint16(b[2:]), le.Uint16(b[4:]), le.Uint16(b[6:]))
	return 0
}

// resize sets the window size and tells the foreground group if it is another.
func (t *TTY) resize(rows, columns, xpixel, ypixel uint16) {
	if t.Rows == rows && t.Columns == columns && t.Xpixel == xpixel && t.Ypixel == ypixel {
		return
	}
	t.Rows, t.Columns, t.Xpixel, t.Ypixel = rows, columns, xpixel, ypixel
	t.signal(unix.SIGWINCH)
}

// flushInput throws away input, edited or not.
func (t *TTY) flushInput() {
	t.Arrived = t.Arrived[:0]
	t.resetInput()
	if t.peer != nil {
		t.reportFlush(unix.TIOCPKT_FLUSHREAD)
		t.m.wake(t.peer, outputEvents)
	}
}

// flushQueues is TCFLSH.
func (t *TTY) flushQueues(c *vfs.Context, arg uint64) unix.Errno {
	if e := t.check(c, unix.SIGTTOU); e != 0 {
		return e
	}
	switch arg {
	case unix.TCIFLUSH:
		t.flushInput()
	case unix.TCOFLUSH:
		t.flushOutput()
	case unix.TCIOFLUSH:
		t.flushInput()
		t.flushOutput()
	default:
		return unix.EINVAL
	}
	return 0
}

// flowControl is TCXONC.
func (t *TTY) flowControl(c *vfs.Context, arg uint64) unix.Errno {
	if e := t.check(c, unix.SIGTTOU); e != 0 {
		return e
	}
	switch arg {
	case unix.TCOOFF:
		if !t.Held {
			t.stop()
			t.Held = true
		}
	case unix.TCOON:
		if t.Held {
			t.Held = false
			t.start()
		}
	case unix.TCIOFF:
		t.sendFlow(t.Cc[unix.VSTOP])
	case unix.TCION:
		t.sendFlow(t.Cc[unix.VSTART])
	default:
		return unix.EINVAL
	}
	return 0
}

// sendFlow sends a flow control character ahead of everything.
func (t *TTY) sendFlow(c byte) {
	if c != disabled && t.room() > 0 {
		t.put(c)
		t.flush()
	}
}

// setDiscipline is TIOCSETD: there is one line discipline, N_TTY.
func (t *TTY) setDiscipline(c *vfs.Context, arg uint64) unix.Errno {
	v, e := usermem.Read32(c.Mem, arg)
	if e != 0 {
		return e
	}
	if e := t.check(c, unix.SIGTTOU); e != 0 {
		return e
	}
	if v != 0 {
		return unix.EINVAL
	}
	return 0
}

func (t *TTY) setCarrier(c *vfs.Context, arg uint64) unix.Errno {
	v, e := usermem.Read32(c.Mem, arg)
	if e != 0 {
		return e
	}
	s := settingsOf(&t.TTYT)
	s.cflag &^= unix.CLOCAL
	if v != 0 {
		s.cflag |= unix.CLOCAL
	}
	t.apply(s)
	return 0
}
