package task

import (
	"slices"
)

// PIDMax is one more than the highest process number (kernel.pid_max).
const PIDMax = 32768

// reservedPIDs is where numbers start again after PIDMax.
const reservedPIDs = 300

// pidEntry says what a number names. A number is free when nothing is left.
type pidEntry struct {
	thread  *Thread
	process *Process
	group   []*Process // members of the process group, in the order of birth
	session []*Process
}

// pidTable finds what a number names: pages of entries, made as they are needed. Every call
// that names a process looks here, so it is no map.
type pidTable [PIDMax / pidPage]*[pidPage]*pidEntry

const pidPage = 256

// at is the entry of a number, nil if it names nothing; any number may be asked for.
func (p *pidTable) at(id int32) *pidEntry {
	if uint32(id) < PIDMax {
		if page := p[uint32(id)/pidPage]; page != nil {
			return page[uint32(id)%pidPage]
		}
	}
	return nil
}

// set makes the entry of a number, or removes it. Numbers that no process can have are left alone.
func (p *pidTable) set(id int32, e *pidEntry) {
	if uint32(id) >= PIDMax {
		return
	}
	page := &p[uint32(id)/pidPage]
	if *page == nil {
		*page = new([pidPage]*pidEntry)
	}
	(*page)[uint32(id)%pidPage] = e
}

func (k *Core) entry(id int32) *pidEntry {
	e := k.pids.at(id)
	if e == nil {
		e = &pidEntry{}
		k.pids.set(id, e)
	}
	return e
}

// settlePID frees a number that names nothing any more.
func (k *Core) settlePID(id int32) {
	if e := k.pids.at(id); e != nil && e.thread == nil && e.process == nil && len(e.group) == 0 && len(e.session) == 0 {
		k.pids.set(id, nil)
	}
}

// newPID takes the next free number; 0 when there is none.
func (k *Core) newPID() int32 {
	for range PIDMax {
		k.lastPID++
		if k.lastPID >= PIDMax {
			k.lastPID = reservedPIDs
		}
		if k.pids.at(k.lastPID) == nil {
			return k.lastPID
		}
	}
	return 0
}

// LastPID is the number given out last.
func (k *Core) LastPID() int32 { return k.lastPID }

// Thread finds a thread by number, nil if there is none. A dead leader whose
// process lives is found.
func (k *Core) Thread(tid int32) *Thread {
	if e := k.pids.at(tid); e != nil {
		return e.thread
	}
	return nil
}

// Process finds a process by number, zombies too; nil if there is none.
func (k *Core) Process(pid int32) *Process {
	if e := k.pids.at(pid); e != nil {
		return e.process
	}
	return nil
}

// Group is the members of a process group, zombies too.
func (k *Core) Group(pgid int32) []*Process {
	if e := k.pids.at(pgid); e != nil {
		return e.group
	}
	return nil
}

// Session is the members of a session.
func (k *Core) Session(sid int32) []*Process {
	if e := k.pids.at(sid); e != nil {
		return e.session
	}
	return nil
}

// joinGroup moves a process to a group.
func (k *Core) joinGroup(p *Process, pgid int32) {
	k.leaveGroup(p)
	e := k.entry(pgid)
	e.group = byBirth(e.group, p)
	p.Group = pgid
}

func (k *Core) leaveGroup(p *Process) {
	if p.Group == 0 {
		return
	}
	if e := k.pids.at(p.Group); e != nil {
		e.group = remove(e.group, p)
		k.settlePID(p.Group)
	}
	p.Group = 0
}

func (k *Core) joinSession(p *Process, sid int32) {
	k.leaveSession(p)
	e := k.entry(sid)
	e.session = byBirth(e.session, p)
	p.Session = sid
}

func (k *Core) leaveSession(p *Process) {
	if p.Session == 0 {
		return
	}
	if e := k.pids.at(p.Session); e != nil {
		e.session = remove(e.session, p)
		k.settlePID(p.Session)
	}
	p.Session = 0
}

func remove[T comparable](s []T, x T) []T {
	if i := slices.Index(s, x); i >= 0 {
		return slices.Delete(s, i, i+1)
	}
	return s
}
