package task

import (
	"golang.org/x/sys/unix"

	"starling/personality/usermem"
	"starling/personality/vfs"
	"starling/personality/wait"
)

// pidFile is the file of pidfd_open(2). Key0 is the process, Key1 the id that tells it from a
// later process with the same number.
type pidFile struct {
	vfs.FileBase
	k *Core
}

func (o pidFile) process(f *vfs.File) *Process {
	if p := o.k.Process(int32(f.Key0)); p != nil && p.ExitId == f.Key1 {
		return p
	}
	return nil
}

// Ready implements vfs.FileOps: readable once the process has ended.
func (o pidFile) Ready(f *vfs.File, mask wait.Events) wait.Events {
	if p := o.process(f); p == nil || p.Zombie {
		return mask & (wait.In | wait.RdNrm)
	}
	return 0
}

// WaitID implements vfs.FileOps.
func (o pidFile) WaitID(f *vfs.File) wait.ID { return wait.ID(f.Key1) }

// pidKind restores files of pidfd_open(2).
type pidKind struct{ k *Core }

// Reopen implements vfs.Kind.
func (r pidKind) Reopen(f *vfs.File) unix.Errno {
	f.Ops = pidFile{k: r.k}
	return 0
}

// NewPIDFD makes a file that stands for a process.
func (k *Core) NewPIDFD(p *Process, flags uint32) (*vfs.File, unix.Errno) {
	f, e := k.VFS.NewAnonFile("anon_inode:[pidfd]", vfs.KindPidFD, uint64(p.Pid), pidFile{k: k}, unix.O_RDWR|flags&unix.O_NONBLOCK)
	if e == 0 {
		f.Key1 = p.ExitId
	}
	return f, e
}

// ProcessOfPIDFD is the process that a descriptor stands for. EBADF when it is none,
// ESRCH when the process is gone.
func (k *Core) ProcessOfPIDFD(t *Thread, fd int32) (*Process, unix.Errno) {
	f := t.Files.Get(fd)
	if f == nil {
		return nil, unix.EBADF
	}
	o, ok := f.Ops.(pidFile)
	if !ok {
		return nil, unix.EBADF
	}
	p := o.process(f)
	if p == nil {
		return nil, unix.ESRCH
	}
	return p, 0
}

// openPIDFD is CLONE_PIDFD: a descriptor for p in the caller's table, its number stored at va.
func (k *Core) openPIDFD(t *Thread, p *Process, va uint64) unix.Errno {
	x := k.FileContext(t)
	if !x.CanAlloc(1) {
		return unix.EMFILE
	}
	f, e := k.NewPIDFD(p, 0)
	if e != 0 {
		return e
	}
	fd, e := x.Alloc(f, 0, true)
	if e != 0 {
		return e
	}
	if e := usermem.Write32(t.MM, va, uint32(fd)); e != 0 {
		x.CloseRange(uint32(fd), uint32(fd), false)
		return e
	}
	return 0
}
