package tty

import (
	"golang.org/x/sys/unix"

	"starling/personality/vfs"
)

// Task is the calling thread as a terminal sees it. vfs.Context.Task of every call
// that may reach a terminal implements it.
type Task interface {
	// ProcessID, GroupID and SessionID name the process, its process group and session.
	ProcessID() int32
	GroupID() int32
	SessionID() int32
	// Terminal is the id of the controlling terminal of the process, 0 for none.
	Terminal() uint64
	SetTerminal(id uint64)
	// Disregards reports whether the thread blocks the signal or the process ignores it.
	Disregards(sig unix.Signal) bool
}

// Jobs is what terminals need of the core.
type Jobs interface {
	// SignalGroup sends a signal of the kernel's to every process of a group.
	SignalGroup(group int32, sig unix.Signal)
	// SignalProcess sends one to a process.
	SignalProcess(pid int32, sig unix.Signal)
	// GroupOrphaned reports whether no member's parent is in another group of the same session.
	GroupOrphaned(group int32) bool
	// GroupSession is the session of a process group; false when there is no such group.
	GroupSession(group int32) (session int32, ok bool)
	// DropTerminal takes the controlling terminal away from every process of a session.
	DropTerminal(session int32)
}

func leader(k Task) bool { return k.ProcessID() == k.SessionID() }

// check is the rule for background processes (tty_check_change): to touch the
// terminal they get SIGTTOU or SIGTTIN, unless they disregard it; an orphaned group
// gets EIO, for nobody could continue it.
func (t *TTY) check(c *vfs.Context, sig unix.Signal) unix.Errno {
	k, ok := c.Task.(Task)
	if !ok || k.Terminal() != t.Id {
		return 0
	}
	group := k.GroupID()
	if t.Group == 0 || group == t.Group {
		return 0
	}
	switch {
	case k.Disregards(sig):
		if sig == unix.SIGTTIN {
			return unix.EIO
		}
		return 0
	case t.m.jobs.GroupOrphaned(group):
		return unix.EIO
	}
	t.m.jobs.SignalGroup(group, sig)
	return vfs.ERESTARTSYS
}

// adopt makes t the controlling terminal of the caller's session.
func (t *TTY) adopt(k Task) {
	t.Session, t.Group = k.SessionID(), k.GroupID()
	k.SetTerminal(t.Id)
}

// mayAdopt is the rule of open(2): a session leader without a terminal gets the
// first one it opens for reading, if nobody has it.
func (t *TTY) mayAdopt(c *vfs.Context, f *vfs.File) {
	k, ok := c.Task.(Task)
	if ok && f.Flags&unix.O_NOCTTY == 0 && f.Readable() && leader(k) && k.Terminal() == 0 && t.Session == 0 {
		t.adopt(k)
	}
}

// Adopt makes t the controlling terminal of the first session.
func (t *TTY) Adopt(k Task) { t.adopt(k) }

// setController is TIOCSCTTY.
func (t *TTY) setController(c *vfs.Context, f *vfs.File, arg uint64) unix.Errno {
	k, ok := c.Task.(Task)
	if !ok {
		return unix.EPERM
	}
	if leader(k) && k.SessionID() == t.Session {
		return 0
	}
	if !leader(k) || k.Terminal() != 0 {
		return unix.EPERM
	}
	admin := c.Cred.Has(unix.CAP_SYS_ADMIN)
	if t.Session != 0 {
		if arg != 1 || !admin {
			return unix.EPERM
		}
		t.m.jobs.DropTerminal(t.Session)
	}
	if !f.Readable() && !admin {
		return unix.EPERM
	}
	t.adopt(k)
	return 0
}

// giveUp is TIOCNOTTY.
func (t *TTY) giveUp(c *vfs.Context) unix.Errno {
	k, ok := c.Task.(Task)
	if !ok || k.Terminal() != t.Id {
		return unix.ENOTTY
	}
	if leader(k) {
		t.m.leaveSession(t, k.SessionID(), false)
	}
	k.SetTerminal(0)
	return 0
}

// SessionEnded must be called when the leader of a session exits; terminal is its
// controlling terminal.
func (m *Manager) SessionEnded(session int32, terminal uint64) {
	if t := m.ttys[terminal]; t != nil {
		m.leaveSession(t, session, true)
	}
}

// leaveSession takes the terminal from a session whose leader leaves it
// (disassociate_ctty): the foreground group gets SIGHUP, and SIGCONT so that a
// stopped one hears it. A terminal that is not a pseudo terminal is hung up.
func (m *Manager) leaveSession(t *TTY, session int32, exit bool) {
	if t.Session != session {
		return
	}
	group := t.Group
	if !t.pair() {
		m.hangup(t, exit)
	} else if group > 0 {
		m.jobs.SignalGroup(group, unix.SIGHUP)
		if !exit {
			m.jobs.SignalGroup(group, unix.SIGCONT)
		}
	}
	t.Session, t.Group = 0, 0
	m.jobs.DropTerminal(session)
}

// foreground is TIOCGPGRP on side f of the terminal t: the master may always ask.
func (t *TTY) foreground(c *vfs.Context, side *TTY) (int32, unix.Errno) {
	if side == t {
		if k, ok := c.Task.(Task); !ok || k.Terminal() != t.Id {
			return 0, unix.ENOTTY
		}
	}
	return t.Group, 0
}

// setForeground is TIOCSPGRP.
func (t *TTY) setForeground(c *vfs.Context, group int32) unix.Errno {
	switch e := t.check(c, unix.SIGTTOU); e {
	case 0:
	case unix.EIO:
		return unix.ENOTTY
	default:
		return e
	}
	if group < 0 {
		return unix.EINVAL
	}
	k, ok := c.Task.(Task)
	if !ok || k.Terminal() != t.Id || t.Session != k.SessionID() {
		return unix.ENOTTY
	}
	session, ok := t.m.jobs.GroupSession(group)
	if !ok {
		return unix.ESRCH
	}
	if session != k.SessionID() {
		return unix.EPERM
	}
	t.Group = group
	return 0
}

// session is TIOCGSID.
func (t *TTY) session(c *vfs.Context, side *TTY) (int32, unix.Errno) {
	if side == t {
		if k, ok := c.Task.(Task); !ok || k.Terminal() != t.Id {
			return 0, unix.ENOTTY
		}
	}
	if t.Session == 0 {
		return 0, unix.ENOTTY
	}
	return t.Session, 0
}

// hangup ends every use of a terminal: its open files read end of file and write EIO
// from now on; the session's leader gets SIGHUP and SIGCONT (__tty_hangup).
func (m *Manager) hangup(t *TTY, exitSession bool) {
	m.v.Files(func(f *vfs.File) {
		if f.Private == t {
			f.Ops, f.Key1 = hungUpFile{}, fileHungUp
		}
	})
	t.Arrived, t.Echoes = t.Arrived[:0], t.Echoes[:0]
	t.resetInput()
	t.Stopped, t.Held = false, false
	if t.Session != 0 {
		session, group := t.Session, t.Group
		t.Session, t.Group = 0, 0
		m.jobs.DropTerminal(session)
		m.jobs.SignalProcess(session, unix.SIGHUP)
		m.jobs.SignalProcess(session, unix.SIGCONT)
		if exitSession && group > 0 {
			m.jobs.SignalGroup(group, unix.SIGHUP)
		}
	}
	if !t.pair() {
		setStandard(&t.TTYT)
		setConsoleSpeed(&t.TTYT)
		t.mapSpecial()
	}
	m.wake(t, inputEvents|outputEvents|closeEvents|priorityEvents)
}

// Foreground is the foreground process group of a terminal, 0 if it has none.
func (m *Manager) Foreground(terminal uint64) int32 {
	if t := m.ttys[terminal]; t != nil {
		return t.Group
	}
	return 0
}
